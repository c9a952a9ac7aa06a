/* Standard streams: echoes its input in capitals line by line, counts on standard error, then reads to the end. */
/* MIT license; Copyright (c) 2026 the pitwasm authors */

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
    char line[64];
    int lines = 0, c, rest = 0;
    while (lines < 2 && fgets(line, sizeof line, stdin)) {
        for (char *p = line; *p; p++)
            *p = (char)toupper((unsigned char)*p);
        printf("%d:%s", ++lines, line);
    }
    while ((c = getchar()) != EOF)
        rest += c;
    printf("rest %d eof %d error %d\n", rest, feof(stdin) != 0, ferror(stdin) != 0);
    fprintf(stderr, "%d lines\n", lines);
    fflush(stdout);
    ssize_t n = write(1, "bytes \0 and \xff\n", 14);
    printf("%d %d\n", (int)n, (int)write(7, "x", 1));
    for (int i = 0; i < 300; i++)
        printf("%03d%s", i, i % 20 == 19 ? "\n" : " ");
    return 0;
}
