/* A disk and a clock that can fail, for the processes of a chaos round (LD_PRELOAD; see shim.py).
 *
 * Once attached, everything done to files under one root is written down: what was made, renamed, linked and removed,
 * and how much of which file was made durable by fsync.  Nothing is really synced.  After the processes are killed,
 * shim.py takes away what the journal does not show to be durable: that is a power cut.  A page shared with the round
 * makes the disk full and moves the wall clock.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct page {
    volatile int64_t clock_ns;
    volatile int32_t full;
    volatile int32_t counter;
};

static struct page *page;
static char root[PATH_MAX], grave[PATH_MAX];
static size_t root_length;
static int journal = -1;

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

int chaos_attach(const char *new_root, const char *new_journal, const char *new_grave, const char *new_page) {
    int fd = open(new_page, O_RDWR | O_CLOEXEC);
    if (fd < 0) return -1;
    void *found = mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (found == MAP_FAILED) return -1;
    journal = open(new_journal, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (journal < 0) return -1;
    snprintf(root, sizeof root, "%s/", new_root);
    snprintf(grave, sizeof grave, "%s", new_grave);
    root_length = strlen(root);
    page = found;
    return 0;
}

static int whole(int dir, const char *path, char *out) {
    if (!page || !path) return 0;
    if (path[0] == '/') {
        snprintf(out, PATH_MAX, "%s", path);
    } else {
        char base[PATH_MAX], link[64];
        if (dir == AT_FDCWD) {
            if (!getcwd(base, sizeof base)) return 0;
        } else {
            snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
            ssize_t length = readlink(link, base, sizeof base - 1);
            if (length < 0) return 0;
            base[length] = 0;
        }
        if (snprintf(out, PATH_MAX, "%s/%s", base, path) >= PATH_MAX) return 0;
    }
    return strncmp(out, root, root_length) == 0;
}

static int of_fd(int fd, char *out) {
    if (!page) return 0;
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, out, PATH_MAX - 1);
    if (length < 0) return 0;
    out[length] = 0;
    return strncmp(out, root, root_length) == 0;
}

static void tell(const char *format, ...) {
    char line[3 * PATH_MAX];
    va_list arguments;
    int saved = errno;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    REAL(ssize_t, "write", int, const void *, size_t);
    if (length > 0) (void)!real(journal, line, (size_t)length);
    errno = saved;
}

static unsigned long long inode(const char *path) {
    struct stat found;
    return lstat(path, &found) == 0 ? (unsigned long long)found.st_ino : 0;
}

static int is_full(void) { return page && page->full; }

/* --- opening ------------------------------------------------------------------------------------------------ */

static int made(const char *full_path, int flags, int (*open_it)(void *), void *with) {
    int fresh = (flags & O_CREAT) && access(full_path, F_OK) != 0;
    if (fresh && is_full()) {
        errno = ENOSPC;
        return -1;
    }
    int fd = open_it(with);
    if (fd >= 0 && fresh) tell("C\t%llu\t%s\n", inode(full_path), full_path);
    return fd;
}

struct opening {
    int dir, flags;
    const char *path;
    mode_t mode;
};

static int really_open(void *with) {
    struct opening *o = with;
    REAL(int, "openat64", int, const char *, int, ...);
    return real(o->dir, o->path, o->flags, o->mode);
}

static int open_any(int dir, const char *path, int flags, mode_t mode) {
    char full_path[PATH_MAX];
    struct opening with = {dir, flags, path, mode};
    if (!whole(dir, path, full_path)) return really_open(&with);
    return made(full_path, flags, really_open, &with);
}

#define OPENING(name, ...) \
    mode_t mode = 0; \
    if (flags & (O_CREAT | O_TMPFILE)) { \
        va_list arguments; \
        va_start(arguments, flags); \
        mode = (mode_t)va_arg(arguments, int); \
        va_end(arguments); \
    }

int open(const char *path, int flags, ...) { OPENING() return open_any(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { OPENING() return open_any(AT_FDCWD, path, flags | O_LARGEFILE, mode); }
int openat(int dir, const char *path, int flags, ...) { OPENING() return open_any(dir, path, flags, mode); }
int openat64(int dir, const char *path, int flags, ...) { OPENING() return open_any(dir, path, flags, mode); }

/* --- writing: a full disk takes half of what it is given, then nothing ------------------------------------------ */

static int refuses(int fd) {
    char path[PATH_MAX];
    if (!is_full() || !of_fd(fd, path)) return 0;
    errno = ENOSPC;
    return 1;
}

static int takes_half(void) { return __sync_fetch_and_add(&page->counter, 1) % 2 == 0; }

ssize_t write(int fd, const void *data, size_t size) {
    REAL(ssize_t, "write", int, const void *, size_t);
    if (page && page->full && size > 1 && refuses(fd)) return takes_half() ? real(fd, data, size / 2) : -1;
    return real(fd, data, size);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
    return refuses(fd) ? -1 : real(fd, data, size, at);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { return pwrite64(fd, data, size, at); }

ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(ssize_t, "writev", int, const struct iovec *, int);
    if (!refuses(fd)) return real(fd, parts, count);
    return count > 1 && takes_half() ? real(fd, parts, count / 2) : -1;
}

static int cut_to(int fd, off64_t size) {
    char path[PATH_MAX];
    REAL(int, "ftruncate64", int, off64_t);
    int done = real(fd, size);
    struct stat found;
    if (done == 0 && of_fd(fd, path) && fstat(fd, &found) == 0)
        tell("T\t%llu\t%lld\n", (unsigned long long)found.st_ino, (long long)size);
    return done;
}

int ftruncate64(int fd, off64_t size) { return cut_to(fd, size); }
int ftruncate(int fd, off_t size) { return cut_to(fd, size); }

/* --- making durable ------------------------------------------------------------------------------------------------ */

static int synced(int fd, const char *name) {
    char path[PATH_MAX] = "";
    struct stat found;
    int mine = of_fd(fd, path) || (page && strncmp(path, root, root_length - 1) == 0 && !path[root_length - 1]);
    if (!mine || fstat(fd, &found) != 0) {
        int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
        return real(fd);
    }
    if (S_ISDIR(found.st_mode))
        tell("D\t%s\n", path);
    else
        tell("S\t%llu\t%lld\n", (unsigned long long)found.st_ino, (long long)found.st_size);
    return 0;
}

int fsync(int fd) { return synced(fd, "fsync"); }
int fdatasync(int fd) { return synced(fd, "fdatasync"); }

/* --- names ----------------------------------------------------------------------------------------------------------- */

static void bury(const char *path) {
    static int number;
    char target[2 * PATH_MAX];
    struct stat found;
    if (lstat(path, &found) != 0 || !S_ISREG(found.st_mode)) return;
    int mine = __sync_fetch_and_add(&number, 1);
    snprintf(target, sizeof target, "%s/%d-%d", grave, (int)getpid(), mine);
    REAL(int, "linkat", int, const char *, int, const char *, int);
    if (real(AT_FDCWD, path, AT_FDCWD, target, 0) == 0)
        tell("U\t%llu\t%s\t%s\n", (unsigned long long)found.st_ino, path, target);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags) {
    char a[PATH_MAX], b[PATH_MAX];
    int mine = whole(from_dir, from, a) & whole(to_dir, to, b);
    if (mine && !flags) bury(b);
    REAL(int, "renameat2", int, const char *, int, const char *, unsigned);
    int done = real(from_dir, from, to_dir, to, flags);
    if (done == 0 && mine) tell("R\t%s\t%s\n", a, b);
    return done;
}

int renameat(int from_dir, const char *from, int to_dir, const char *to) {
    return renameat2(from_dir, from, to_dir, to, 0);
}
int rename(const char *from, const char *to) { return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0); }

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags) {
    char b[PATH_MAX];
    int mine = whole(to_dir, to, b);
    if (mine && is_full()) {
        errno = ENOSPC;
        return -1;
    }
    REAL(int, "linkat", int, const char *, int, const char *, int);
    int done = real(from_dir, from, to_dir, to, flags);
    if (done == 0 && mine) tell("L\t%llu\t%s\n", inode(b), b);
    return done;
}

int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

int unlinkat(int dir, const char *path, int flags) {
    char full_path[PATH_MAX];
    int mine = whole(dir, path, full_path);
    if (mine && !(flags & AT_REMOVEDIR)) bury(full_path);
    REAL(int, "unlinkat", int, const char *, int);
    int done = real(dir, path, flags);
    if (done == 0 && mine && (flags & AT_REMOVEDIR)) tell("X\t%s\n", full_path);
    return done;
}

int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int mkdirat(int dir, const char *path, mode_t mode) {
    char full_path[PATH_MAX];
    int mine = whole(dir, path, full_path);
    if (mine && is_full() && access(full_path, F_OK) != 0) {
        errno = ENOSPC;
        return -1;
    }
    REAL(int, "mkdirat", int, const char *, mode_t);
    int done = real(dir, path, mode);
    if (done == 0 && mine) tell("M\t%s\n", full_path);
    return done;
}

int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

/* --- the wall clock ----------------------------------------------------------------------------------------------------- */

int clock_gettime(clockid_t which, struct timespec *now) {
    REAL(int, "clock_gettime", clockid_t, struct timespec *);
    int done = real(which, now);
    if (done == 0 && page && page->clock_ns && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) {
        int64_t moved = (int64_t)now->tv_sec * 1000000000 + now->tv_nsec + page->clock_ns;
        now->tv_sec = moved / 1000000000;
        now->tv_nsec = moved % 1000000000;
    }
    return done;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    (void)zone;
    struct timespec precise;
    if (clock_gettime(CLOCK_REALTIME, &precise) != 0) return -1;
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out) {
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    if (out) *out = precise.tv_sec;
    return precise.tv_sec;
}
