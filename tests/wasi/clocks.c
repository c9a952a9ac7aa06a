/* Clocks, sleep, random numbers: prints what is wrong, or that all is well. */
/* MIT license; Copyright (c) 2026 the pitwasm authors */

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int check(const char *what, int good)
{
    printf("%s: %s\n", what, good ? "ok" : "wrong");
    return !good;
}

static long long now(clockid_t clock)
{
    struct timespec t;
    if (clock_gettime(clock, &t))
        return -1;
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(int argc, char **argv)
{
    int bad = 0;
    struct timespec t;
    long long expected = argc > 1 ? atoll(argv[1]) : 0;
    bad += check("time", llabs(time(NULL) - expected) < 600);
    bad += check("realtime", llabs(now(CLOCK_REALTIME) / 1000000000 - expected) < 600);
    bad += check("resolution", !clock_getres(CLOCK_MONOTONIC, &t) && !t.tv_sec && t.tv_nsec > 0);
    long long before = now(CLOCK_MONOTONIC);
    t.tv_sec = 0;
    t.tv_nsec = 20000000;
    bad += check("nanosleep", !nanosleep(&t, NULL));
    long long slept = now(CLOCK_MONOTONIC) - before;
    bad += check("slept", slept >= 20000000 && slept < 5000000000LL);
    bad += check("usleep", !usleep(100));
    bad += check("monotonic", now(CLOCK_MONOTONIC) >= before + slept);
    bad += check("yield", !sched_yield());
    struct pollfd out = {.fd = 1, .events = POLLOUT};
    bad += check("poll", poll(&out, 1, 10000) == 1 && out.revents == POLLOUT);
    unsigned char a[64] = {0}, b[64] = {0};
    bad += check("entropy", !getentropy(a, sizeof a) && !getentropy(b, sizeof b) && memcmp(a, b, sizeof a));
    bad += check("too much entropy", getentropy(a, 257) == -1 && errno == EIO);
    time_t day = 86400;
    struct tm *tm = gmtime(&day);
    bad += check("calendar", tm->tm_year == 70 && tm->tm_mday == 2);
    return bad;
}
