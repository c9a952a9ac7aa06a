/* Arguments, environment, exit: prints both, then ends the way the last argument says. */
/* MIT license; Copyright (c) 2026 the pitwasm authors */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

static void bye(void)
{
    puts("bye");
}

int main(int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        printf("%d [%s]\n", i, argv[i]);
    for (char **p = environ; *p; p++)
        printf("env [%s]\n", *p);
    printf("HOME=%s NONE=%s\n", getenv("HOME"), getenv("NONE") ? "set" : "unset");
    setenv("NONE", "now", 1);
    printf("NONE=%s\n", getenv("NONE"));
    atexit(bye);
    const char *how = argc > 1 ? argv[argc - 1] : "";
    if (!strcmp(how, "exit"))
        exit(42);
    if (!strcmp(how, "_Exit")) {
        fflush(stdout);
        _Exit(43);
    }
    if (!strcmp(how, "abort")) {
        fflush(stdout);
        abort();
    }
    return strcmp(how, "fail") ? 0 : 1;
}
