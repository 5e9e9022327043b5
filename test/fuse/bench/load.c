/*
 * The load on a mount, and what it costs. It prints operations, seconds, and microseconds of processor time of its own.
 *
 *   load getattr|read|write SECONDS THREADS BYTES DIR    each thread has DIR/data-0, DIR/data-1, ... to itself
 *   load run FILE COMMAND [ARGUMENT...]                  one operation: a command, whose output goes into FILE
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct worker {
  pthread_t thread;
  int fd;
  off_t size;
  long done;
};

static volatile bool over;
static size_t bytes;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static double cpu_us(int who) {
  struct rusage used;
  getrusage(who, &used);
  return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 + used.ru_utime.tv_usec + used.ru_stime.tv_usec;
}

/* The kernel must ask the server, however long it may keep attributes. */
static void *stat_all(void *arg) {
  struct worker *worker = arg;
  struct statx found;
  for (; !over; worker->done++)
    if (statx(worker->fd, "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &found) != 0) err(1, "statx");
  return NULL;
}

/* Each pass begins with nothing of the file in the mount's page cache, and nothing is read ahead. */
static void *read_all(void *arg) {
  struct worker *worker = arg;
  char *data = malloc(bytes);
  posix_fadvise(worker->fd, 0, 0, POSIX_FADV_RANDOM);
  for (off_t at = worker->size; !over; at += bytes, worker->done++) {
    if (at >= worker->size) {
      at = 0;
      posix_fadvise(worker->fd, 0, 0, POSIX_FADV_DONTNEED);
    }
    if (pread(worker->fd, data, bytes, at) != (ssize_t)bytes) err(1, "read");
  }
  free(data);
  return NULL;
}

/* The mounts have no write-back cache, so that a write returns when the server has answered it. */
static void *write_all(void *arg) {
  struct worker *worker = arg;
  char *data = malloc(bytes);
  memset(data, 'w', bytes);
  for (off_t at = 0; !over; at += bytes, worker->done++) {
    if (at >= worker->size) at = 0;
    if (pwrite(worker->fd, data, bytes, at) != (ssize_t)bytes) err(1, "write");
  }
  free(data);
  return NULL;
}

static void run(const char *file, char **command) {
  double since = now();
  pid_t child = fork();
  if (child < 0) err(1, "fork");
  if (child == 0) {
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0 || dup2(fd, 1) < 0) err(1, "%s", file);
    execvp(command[0], command);
    err(1, "%s", command[0]);
  }
  int status;
  if (waitpid(child, &status, 0) != child || status != 0) errx(1, "%s has failed", command[0]);
  printf("1 %.6f %.0f\n", now() - since, cpu_us(RUSAGE_CHILDREN));
}

int main(int argc, char **argv) {
  if (argc >= 4 && strcmp(argv[1], "run") == 0) {
    run(argv[2], argv + 3);
    return 0;
  }
  if (argc != 6) errx(2, "expected getattr|read|write SECONDS THREADS BYTES DIR, or run FILE COMMAND");
  void *(*work)(void *) = argv[1][0] == 'g' ? stat_all : argv[1][0] == 'r' ? read_all : write_all;
  double seconds = atof(argv[2]);
  int threads = atoi(argv[3]);
  bytes = strtoul(argv[4], NULL, 10);
  struct worker *workers = calloc(threads, sizeof *workers);
  for (int i = 0; i < threads; i++) {
    char path[4096];
    struct stat found;
    snprintf(path, sizeof path, "%s/data-%d", argv[5], i);
    workers[i].fd = open(path, O_RDWR);
    if (workers[i].fd < 0 || fstat(workers[i].fd, &found) != 0) err(1, "%s", path);
    workers[i].size = found.st_size;
  }
  double since = now();
  double cpu = cpu_us(RUSAGE_SELF);
  for (int i = 0; i < threads; i++)
    if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) errx(1, "pthread_create");
  usleep((useconds_t)(seconds * 1e6));
  over = true;
  long done = 0;
  for (int i = 0; i < threads; i++) {
    pthread_join(workers[i].thread, NULL);
    done += workers[i].done;
  }
  printf("%ld %.6f %.0f\n", done, now() - since, cpu_us(RUSAGE_SELF) - cpu);
  return 0;
}
