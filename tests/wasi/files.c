/* Files and directories below /box, which is empty at first and at last; prints the outcome of every step. */
/* MIT license; Copyright (c) 2026 the pitwasm authors */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static char buf[2000];

static void show(const char *what, long result)
{
    if (result < 0)
        printf("%s: %s\n", what, strerror(errno));
    else
        printf("%s: %ld\n", what, result);
}

#define SHOW(call) show(#call, (long)(call))

static void content(const char *path)
{
    int fd = open(path, O_RDONLY);
    long n = fd < 0 ? -1 : (long)read(fd, buf, sizeof buf - 1);
    if (n < 0) {
        show(path, n);
    } else {
        printf("%s (%ld):", path, n);
        for (long i = 0; i < n && i < 40; i++)
            printf(buf[i] >= ' ' && buf[i] < 127 ? "%c" : "\\%02x", buf[i] & 0xff);
        printf("\n");
    }
    if (fd >= 0)
        close(fd);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void list(const char *path)
{
    static char names[200][64];
    int n = 0;
    DIR *dir = opendir(path);
    if (!dir) {
        show(path, -1);
        return;
    }
    for (struct dirent *e; n < 200 && (e = readdir(dir));)
        snprintf(names[n++], 64, "%s%s", e->d_name, e->d_type == DT_DIR ? "/" : e->d_type == DT_REG ? "" : "?");
    closedir(dir);
    qsort(names, (size_t)n, 64, by_name);
    printf("%s:", path);
    for (int i = 0; i < n; i++)
        printf(" %s", names[i]);
    printf("\n");
}

static void state(const char *path)
{
    struct stat s;
    if (stat(path, &s))
        show(path, -1);
    else if (S_ISDIR(s.st_mode))
        printf("%s: directory\n", path);
    else
        printf("%s: %s of %ld\n", path, S_ISREG(s.st_mode) ? "file" : "?", (long)s.st_size);
}

static void low(void)
{
    int fd = open("/box/low", O_RDWR | O_CREAT | O_EXCL, 0644);
    SHOW(fd < 0 ? -1 : 0);
    SHOW(write(fd, "hello, world", 12));
    SHOW(lseek(fd, 0, SEEK_CUR));
    SHOW(lseek(fd, -5, SEEK_END));
    SHOW(read(fd, buf, 100));
    SHOW(read(fd, buf, 100));
    SHOW(lseek(fd, -100, SEEK_CUR));
    SHOW(pwrite(fd, "HE", 2, 0));
    SHOW(pread(fd, buf, 5, 0));
    printf("%.5s\n", buf);
    struct iovec parts[3] = {{buf, 0}, {buf + 100, 3}, {buf + 200, 4}};
    SHOW(lseek(fd, 0, SEEK_SET));
    ssize_t n = readv(fd, parts, 3); /* one part at a time is allowed */
    printf("readv %.3s %s\n", buf + 100, n == 3 || (n == 7 && !memcmp(buf + 200, "lo, ", 4)) ? "ok" : "wrong");
    SHOW(fsync(fd));
    SHOW(ftruncate(fd, 4));
    content("/box/low");
    SHOW(ftruncate(fd, 6));
    SHOW(lseek(fd, 10, SEEK_SET));
    SHOW(write(fd, "x", 1));
    struct stat s;
    SHOW(fstat(fd, &s));
    printf("size %ld links %ld\n", (long)s.st_size, (long)s.st_nlink);
    SHOW(isatty(fd));
    SHOW(close(fd));
    SHOW(close(fd));
    content("/box/low");
    SHOW(open("/box/low", O_RDWR | O_CREAT | O_EXCL, 0644));
    SHOW(open("/box/none", O_RDONLY));
    SHOW(open("/box/low/x", O_RDONLY));
    SHOW(open("/box/low", O_RDONLY | O_DIRECTORY));
    SHOW(open("/box", O_RDWR));
    fd = open("/box/low", O_RDONLY);
    SHOW(write(fd, "x", 1));
    close(fd);
    fd = open("/box/low", O_WRONLY | O_TRUNC);
    SHOW(read(fd, buf, 1));
    close(fd);
    state("/box/low");
    SHOW(truncate("/box/low", 3));
    SHOW(unlink("/box/low"));
    SHOW(unlink("/box/low"));
    state("/box/low");
}

static void high(void)
{
    FILE *f = fopen("/box/high.txt", "w");
    for (int i = 0; i < 200; i++)
        fprintf(f, "line %d\n", i);
    SHOW(ftell(f));
    SHOW(fclose(f));
    f = fopen("/box/high.txt", "a+");
    fputs("appended\n", f);
    SHOW(fseek(f, -9, SEEK_END));
    printf("%s", fgets(buf, sizeof buf, f));
    rewind(f);
    fputs("too\n", f);
    SHOW(fclose(f));
    f = fopen("/box/high.txt", "r+");
    SHOW(fseek(f, 5, SEEK_SET));
    fputs("X", f);
    rewind(f);
    printf("%s", fgets(buf, sizeof buf, f));
    long n = 0;
    while (fgets(buf, sizeof buf, f))
        n++;
    printf("%ld more, the last is %s", n, buf);
    SHOW(fclose(f));
    state("/box/high.txt");
    SHOW(rename("/box/high.txt", "/box/other.txt"));
    state("/box/high.txt");
    state("/box/other.txt");
    SHOW(rename("/box/none", "/box/other.txt"));
    SHOW(remove("/box/other.txt"));
}

static void directories(int at_once)
{
    SHOW(mkdir("/box/d", 0755));
    SHOW(mkdir("/box/d", 0755));
    SHOW(mkdir("/box/d/e", 0755));
    SHOW(mkdir("/box/none/e", 0755));
    for (int i = 0; i < 100; i++) {
        snprintf(buf, sizeof buf, "/box/d/file-with-a-long-name-%03d", i);
        close(open(buf, O_WRONLY | O_CREAT, 0644));
    }
    list("/box");
    list("/box/d/e");
    list("/box/none");
    int n = 0;
    DIR *dir = opendir("/box/d");
    for (struct dirent *e; (e = readdir(dir));)
        if (!strncmp(e->d_name, "file", 4)) {
            n++;
            snprintf(buf, sizeof buf, "/box/d/%s", e->d_name);
            if (at_once && unlink(buf))
                show(buf, -1);
        }
    for (int i = 0; i < 100 && !at_once; i++) {
        snprintf(buf, sizeof buf, "/box/d/file-with-a-long-name-%03d", i);
        if (unlink(buf))
            show(buf, -1);
    }
    rewinddir(dir);
    int left = 0;
    while (readdir(dir))
        left++;
    closedir(dir);
    printf("%d removed, %d left\n", n, left);
    SHOW(rmdir("/box/d"));
    SHOW(unlink("/box/d/e"));
    SHOW(rename("/box/d/e", "/box/e"));
    list("/box");
    SHOW(rmdir("/box/d"));
    SHOW(rmdir("/box/e"));
    SHOW(rmdir("/box/e"));
    SHOW(chdir("/box"));
    SHOW(access("low", F_OK));
    int fd = open("/box", O_RDONLY | O_DIRECTORY);
    SHOW(fd < 0 ? -1 : 0);
    SHOW(mkdirat(fd, "sub", 0755));
    int file = openat(fd, "sub/f", O_WRONLY | O_CREAT, 0644);
    SHOW(write(file, "at", 2));
    close(file);
    content("/box/sub/f");
    SHOW(renameat(fd, "sub/f", fd, "f"));
    SHOW(unlinkat(fd, "f", 0));
    SHOW(unlinkat(fd, "sub", AT_REMOVEDIR));
    close(fd);
    list("/box");
}

/* With an argument: removes files while it reads their directory, which need not work everywhere. */
int main(int argc, char **argv)
{
    (void)argv;
    low();
    high();
    directories(argc > 1);
    return 0;
}
