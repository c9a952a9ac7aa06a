/* Tries to get out of /box; what is there beside it, and the links in it, are the test's. Prints what is refused, and why. */
/* MIT license; Copyright (c) 2026 the pitwasm authors */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* As it is: the library's takes no NUL. */
__attribute__((import_module("wasi_snapshot_preview1"), import_name("path_open"))) extern int
path_open(int fd, int lookup, const char *path, int size, int oflags, long long rights, long long inheriting, int flags, int *opened);

static int out;

static void attempt(const char *what, const char *path, long result)
{
    if (result >= 0)
        out++;
    printf("%s %.40s%s: %s\n", what, path, strlen(path) > 40 ? "..." : "", result < 0 ? strerror(errno) : "OUT");
}

static void all(int box, const char *path)
{
    struct stat s;
    attempt("open", path, openat(box, path, O_RDONLY));
    attempt("create", path, openat(box, path, O_WRONLY | O_CREAT | O_TRUNC, 0644));
    attempt("stat", path, fstatat(box, path, &s, 0));
    attempt("mkdir", path, mkdirat(box, path, 0755));
    attempt("unlink", path, strchr(path, '/') || path[0] == '.' ? unlinkat(box, path, 0) : (errno = EPERM, -1));
    attempt("rename", path, renameat(box, path, box, "stolen"));
    attempt("rename to", path, renameat(box, "mine", box, path));
}

int main(void)
{
    static char deep[6000];
    for (int i = 0; i < 2990; i++)
        memcpy(deep + 2 * i, "d/", 2);
    /* Through absolute paths: wasi-libc finds no directory for these. */
    attempt("open", "/etc/passwd", open("/etc/passwd", O_RDONLY));
    attempt("open", "/box/../secret", open("/box/../secret", O_RDONLY));
    attempt("open", "/boxed", open("/boxed", O_RDONLY));
    attempt("open", "../secret", open("../secret", O_RDONLY));
    int box = open("/box", O_RDONLY | O_DIRECTORY);
    int d = open("/box/d", O_RDONLY | O_DIRECTORY);
    if (box < 0 || d < 0)
        return 2;
    const char *paths[] = {"..",     "../secret",     "d/../../secret", "./.././secret", "d/../../box/../secret",
                           "../box", "folder/secret", "up/secret",      "d/up/d",        deep};
    for (unsigned i = 0; i < sizeof paths / sizeof *paths; i++)
        all(box, paths[i]);
    attempt("open", "link", openat(box, "link", O_RDONLY));
    attempt("write", "link", openat(box, "link", O_WRONLY | O_CREAT | O_TRUNC, 0644));
    attempt("create", "dangling", openat(box, "dangling", O_WRONLY | O_CREAT, 0644));
    attempt("open", "folder", openat(box, "folder", O_RDONLY | O_DIRECTORY));
    attempt("open", "../d/file", openat(d, "../d/file", O_RDONLY));
    attempt("open", "..", openat(d, "..", O_RDONLY | O_DIRECTORY));
    static const struct { const char *path; int size; } raw[] = {{"/etc/passwd", 11}, {"/", 1}, {"d/file\0x", 8}, {"\0", 1}, {"d/file\0", 7}};
    for (unsigned i = 0; i < sizeof raw / sizeof *raw; i++) {
        int fd;
        errno = path_open(box, 0, raw[i].path, raw[i].size, 0, 2, 0, 0, &fd);
        attempt("path_open", raw[i].path, errno ? -1 : 0);
    }
    struct stat s;
    printf("lstat link: %d\n", fstatat(box, "link", &s, AT_SYMLINK_NOFOLLOW) ? -1 : (int)S_ISLNK(s.st_mode));
    printf("open d/../d/./file: %s\n", openat(box, "d/../d/./file", O_RDONLY) < 0 ? strerror(errno) : "ok");
    printf("%d got out\n", out);
    return out != 0;
}
