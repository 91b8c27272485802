/*
 * Run a VM program on the host's own kernel, with real processes and memory calls, and print what a run on the model prints.
 *
 *     cc -O2 -Wall -Wextra -pthread -o host-run host-run.c
 *     host-run PROGRAM.vm | PROGRAM.vm.gz | -
 *
 * For developers, to hold the model and its reference against a kernel that other people wrote. Linux. The program must be one that
 * `faultline run` accepts: little is checked here.
 *
 * What differs between 1995 and now is put right where it can be: a refused access prints SIGBUS where Linux says SIGSEGV with
 * SEGV_ACCERR, and SIGSEGV only where nothing is mapped; any protection but --- lets read; mprotect and madvise skip holes; advice that
 * would drop content is not given. What cannot be put right is said on standard error: inheritance `share` of private memory. Residence
 * is the host's own.
 *
 * A process of the program is a process of the host. fork is fork, vfork is clone(CLONE_VM | CLONE_VFORK), exec is an exec of this
 * program that goes on with the next command; files are in a directory that is removed at the end, barriers in a page that all share.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096ull
#define WORDS_MAX 9
#define VFORK_STACK (256 * 1024)
#define TICK_MICROS 10000

enum op { MMAP_ANON, MMAP_FILE, MUNMAP, MPROTECT, MINHERIT, MADVISE, MLOCK, MUNLOCK, MSYNC, MINCORE, STORE, LOAD, ADD, FILL, SUM, TOUCH,
          FORK, VFORK, EXEC, WAIT, BARRIER, SLEEP, TRUNCATE, READ, WRITE, EXIT, OPS };

static const char *const names[OPS] = {
    "mmap", "mmap", "munmap", "mprotect", "minherit", "madvise", "mlock", "munlock", "msync", "mincore", "store", "load", "add",
    "fill", "sum", "touch", "fork", "vfork", "exec", "wait", "barrier", "sleep", "truncate", "read", "write", "exit"};

/* Choices: which word of a command that has one. */
enum { NORMAL, RANDOM, SEQUENTIAL, WILLNEED, DONTNEED, FREE };
enum { SHARE, COPY, NONE };
enum { SYNC, ASYNC, INVALIDATE };

struct command {
  enum op op;
  bool shared;
  int prot, choice, id;
  uint64_t line, addr, len, value;
};

struct process { uint64_t pid; size_t first, end; };
struct file { char *name; bool declared; uint64_t length, seed; };
struct barrier { char *name; unsigned parties; };

static struct command *commands;
static struct process *processes;
static struct file *files;
static struct barrier *barriers;
static size_t command_count, process_count, file_count, barrier_count;

/* What all processes share, whatever address space they are in. */
struct control { pthread_barrier_t *barriers; pid_t *children; };
static struct control control;
static char directory[64];

/* Of the process that runs; a vfork child borrows them while its parent is suspended. */
static sigjmp_buf refused;
static volatile sig_atomic_t accessing;

static void die(const char *what, ...) {
  va_list args;
  va_start(args, what);
  fprintf(stderr, "host-run: ");
  vfprintf(stderr, what, args);
  fprintf(stderr, "%s%s\n", errno ? ": " : "", errno ? strerror(errno) : "");
  va_end(args);
  exit(2);
}

static void *grown(void *array, size_t count, size_t size) {
  if ((count & (count - 1)) != 0) {
    return array;
  }
  void *more = realloc(array, (count ? 2 * count : 1) * size);
  if (more == NULL) {
    die("no memory for the program");
  }
  return more;
}

/* Reading the program */

static uint64_t number(const char *word) {
  return strncmp(word, "0x", 2) == 0 ? strtoull(word + 2, NULL, 16) : strtoull(word, NULL, 10);
}

static int prot_of(const char *word) {
  int prot = (word[0] == 'r' ? PROT_READ : 0) | (word[1] == 'w' ? PROT_WRITE : 0) | (word[2] == 'x' ? PROT_EXEC : 0);
  return prot ? prot | PROT_READ : PROT_NONE;
}

static int choice_of(const char *word, const char *const *words) {
  int i = 0;
  while (words[i] != NULL && strcmp(word, words[i]) != 0) {
    i++;
  }
  return i;
}

static int file_of(const char *name) {
  for (size_t i = 0; i < file_count; i++) {
    if (strcmp(files[i].name, name) == 0) {
      return (int)i;
    }
  }
  files = grown(files, file_count, sizeof *files);
  files[file_count] = (struct file){.name = strdup(name)};
  return (int)file_count++;
}

static int barrier_of(const char *name) {
  for (size_t i = 0; i < barrier_count; i++) {
    if (strcmp(barriers[i].name, name) == 0) {
      return (int)i;
    }
  }
  die("barrier %s is not declared", name);
  return -1;
}

static void read_command(char **word, int words, uint64_t line) {
  static const char *const advice[] = {"normal", "random", "sequential", "willneed", "dontneed", "free", NULL};
  static const char *const inheritance[] = {"share", "copy", "none", NULL};
  static const char *const sync_mode[] = {"sync", "async", "invalidate", NULL};
  static const char *const access[] = {"r", "w", "x", NULL};
  struct command c = {.line = line};
  while (c.op < OPS && strcmp(word[0], names[c.op]) != 0) {
    c.op++;
  }
  if (c.op == OPS) {
    die("line %" PRIu64 ": %s is no command", line, word[0]);
  }
  if (c.op == MMAP_ANON && words > 5 && strcmp(word[5], "file") == 0) {
    c.op = MMAP_FILE;
  }
  if (c.op <= SUM) {
    c.addr = number(word[1]);
    if (c.op <= MINCORE || c.op == FILL || c.op == SUM) {
      c.len = number(word[2]);
    }
  }
  switch (c.op) {
  case MMAP_FILE:
    c.id = file_of(word[6]);
    c.value = number(word[7]);
    if (!files[c.id].declared && files[c.id].length < c.value + c.len) {
      files[c.id].length = c.value + c.len;
    }
    /* fall through */
  case MMAP_ANON:
    c.shared = strcmp(word[4], "shared") == 0;
    /* fall through */
  case MPROTECT: c.prot = prot_of(word[3]); break;
  case MINHERIT: c.choice = choice_of(word[3], inheritance); break;
  case MADVISE: c.choice = choice_of(word[3], advice); break;
  case MSYNC: c.choice = words > 3 ? choice_of(word[3], sync_mode) : SYNC; break;
  case STORE:
  case ADD: c.value = number(word[2]); break;
  case FILL: c.value = number(word[3]); break;
  case TOUCH: c.choice = choice_of(word[1], access); c.addr = number(word[2]); break;
  case FORK:
  case VFORK:
  case WAIT: c.value = number(word[1]); break;
  case BARRIER: c.id = barrier_of(word[1]); break;
  case SLEEP: c.value = number(word[1]); break;
  case TRUNCATE: c.id = file_of(word[1]); c.value = number(word[2]); break;
  case READ:
  case WRITE:
    c.id = file_of(word[1]);
    c.value = number(word[2]);
    c.addr = number(word[3]);
    c.len = number(word[4]);
    if (c.op == READ && !files[c.id].declared && files[c.id].length < c.value + c.len) {
      files[c.id].length = c.value + c.len;
    }
    break;
  default: break;
  }
  commands = grown(commands, command_count, sizeof *commands);
  commands[command_count++] = c;
  processes[process_count - 1].end = command_count;
}

static void read_program(FILE *in) {
  char *text = NULL;
  size_t size = 0;
  for (uint64_t line = 1; getline(&text, &size, in) >= 0; line++) {
    char *word[WORDS_MAX + 1] = {NULL};
    int words = 0;
    text[strcspn(text, "#\n")] = '\0';
    for (char *w = strtok(text, " \t\r"); w != NULL && words < WORDS_MAX; w = strtok(NULL, " \t\r")) {
      word[words++] = w;
    }
    if (words == 0 || line == 1) {
      continue;
    }
    if (strcmp(word[0], "process") == 0) {
      processes = grown(processes, process_count, sizeof *processes);
      processes[process_count++] = (struct process){number(word[1]), command_count, command_count};
    } else if (process_count > 0) {
      read_command(word, words, line);
    } else if (strcmp(word[0], "file") == 0) {
      int index = file_of(word[1]);
      files[index] = (struct file){files[index].name, true, number(word[2]), words > 3 ? number(word[3]) : 0};
    } else {
      barriers = grown(barriers, barrier_count, sizeof *barriers);
      barriers[barrier_count++] = (struct barrier){strdup(word[1]), (unsigned)number(word[2])};
    }
  }
  free(text);
  for (size_t i = 0; i < command_count; i++) {
    struct command *c = &commands[i];
    for (size_t p = 0; (c->op == FORK || c->op == VFORK || c->op == WAIT) && p < process_count; p++) {
      if (processes[p].pid == c->value) {
        c->id = (int)p;
      }
    }
  }
}

/* The directory: the program, the files, the page that is shared */

static char *path_of(const char *prefix, size_t index) {
  static char path[128];
  snprintf(path, sizeof path, "%s/%s%zu", directory, prefix, index);
  return path;
}

static uint64_t mix64(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static void make_file(size_t index) {
  FILE *out = fopen(path_of("file", index), "w");
  if (out == NULL) {
    die("%s", path_of("file", index));
  }
  for (uint64_t at = 0; at < files[index].length; at += 8) {
    uint64_t left = files[index].length - at, word = mix64(files[index].seed + at);
    fwrite(&word, 1, left < 8 ? left : 8, out);
  }
  if (fclose(out) != 0) {
    die("%s", path_of("file", index));
  }
}

static void map_control(bool make) {
  size_t barrier_bytes = barrier_count * sizeof(pthread_barrier_t), size = barrier_bytes + process_count * sizeof(pid_t);
  int fd = open(path_of("control", 0), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0 || (make && ftruncate(fd, (off_t)size) != 0)) {
    die("%s", path_of("control", 0));
  }
  char *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (base == MAP_FAILED) {
    die("%s", path_of("control", 0));
  }
  control = (struct control){(pthread_barrier_t *)base, (pid_t *)(base + barrier_bytes)};
  if (make) {
    pthread_barrierattr_t shared;
    pthread_barrierattr_init(&shared);
    pthread_barrierattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
    for (size_t i = 0; i < barrier_count; i++) {
      pthread_barrier_init(&control.barriers[i], &shared, barriers[i].parties);
    }
  }
}

/* Carrying out commands */

static void print(size_t process, const struct command *c, const char *format, ...) {
  char fixed[256], *line = fixed;
  va_list args;
  int head = snprintf(fixed, sizeof fixed, "%" PRIu64 " %" PRIu64 " %s = ", processes[process].pid, c->line, names[c->op]);
  va_start(args, format);
  int tail = vsnprintf(fixed + head, sizeof fixed - (size_t)head, format, args);
  va_end(args);
  if ((size_t)(head + tail) + 1 >= sizeof fixed) {
    line = malloc((size_t)(head + tail) + 2);
    memcpy(line, fixed, (size_t)head);
    va_start(args, format);
    vsnprintf(line + head, (size_t)tail + 1, format, args);
    va_end(args);
  }
  line[head + tail] = '\n';
  for (size_t done = 0, size = (size_t)(head + tail) + 1; done < size;) {
    ssize_t count = write(STDOUT_FILENO, line + done, size - done);
    if (count < 0 && errno != EINTR) {
      _exit(2);
    }
    done += count > 0 ? (size_t)count : 0;
  }
  if (line != fixed) {
    free(line);
  }
}

static void on_signal(int signal, siginfo_t *info, void *context) {
  (void)context;
  if (!accessing) {
    static const char message[] = "host-run: a mapping of the program took the place of one of mine\n";
    if (write(STDERR_FILENO, message, sizeof message - 1) < 0) {
      _exit(3);
    }
    _exit(2);
  }
  accessing = 0;
  siglongjmp(refused, signal == SIGSEGV && info->si_code == SEGV_MAPERR ? SIGSEGV : SIGBUS);
}

static void catch_signals(void) {
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_NODEFER};
  sigaction(SIGSEGV, &action, NULL);
  sigaction(SIGBUS, &action, NULL);
}

static void access_memory(size_t process, const struct command *c) {
  volatile uint64_t *word = (volatile uint64_t *)(uintptr_t)(c->addr & ~7ull);
  uint64_t value = 0;
  int signal = sigsetjmp(refused, 0);
  if (signal != 0) {
    print(process, c, signal == SIGBUS ? "SIGBUS" : "SIGSEGV");
    return;
  }
  accessing = 1;
  switch (c->op) {
  case STORE: *word = c->value; break;
  case LOAD: value = *word; break;
  case ADD: value = __atomic_fetch_add(word, c->value, __ATOMIC_SEQ_CST); break;
  case FILL:
    for (uint64_t i = 0; i < c->len / 8; i++) {
      word[i] = c->value + i;
    }
    break;
  case SUM:
    for (uint64_t i = 0; i < c->len / 8; i++) {
      value += word[i];
    }
    break;
  default:
    if (c->choice == 1) {
      __atomic_fetch_add(word, 0, __ATOMIC_SEQ_CST);
    } else {
      value = *word;
    }
  }
  accessing = 0;
  if (c->op == LOAD || c->op == ADD || c->op == SUM) {
    print(process, c, "0x%" PRIx64, value);
  }
}

static int map_file(const struct command *c, void *addr) {
  int fd = open(path_of("file", (size_t)c->id), O_RDWR | O_CLOEXEC);
  if (fd < 0) {
    die("%s", path_of("file", (size_t)c->id));
  }
  void *got = mmap(addr, c->len, c->prot, MAP_FIXED | (c->shared ? MAP_SHARED : MAP_PRIVATE), fd, (off_t)c->value);
  int error = errno;
  close(fd);
  errno = error;
  return got == MAP_FAILED ? -1 : 0;
}

static int page_by_page(const struct command *c, int (*call)(const struct command *, void *)) {
  for (uint64_t at = c->addr; at < c->addr + c->len; at += PAGE) {
    if (call(c, (void *)(uintptr_t)at) != 0 && errno != ENOMEM) {
      return -1;
    }
  }
  return 0;
}

static int protect_page(const struct command *c, void *page) {
  return mprotect(page, PAGE, c->prot);
}

static int advise_page(const struct command *c, void *page) {
  static const int advice[] = {MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED};
  return c->op == MINHERIT ? madvise(page, PAGE, c->choice == NONE ? MADV_DONTFORK : MADV_DOFORK)
                           : c->choice <= WILLNEED ? madvise(page, PAGE, advice[c->choice]) : 0;
}

static void show_residence(size_t process, const struct command *c) {
  size_t pages = (c->len + PAGE - 1) / PAGE;
  char *digits = calloc(pages + 1, 1);
  for (size_t i = 0; i < pages; i++) {
    unsigned char in = 0;
    digits[i] = mincore((void *)(uintptr_t)(c->addr + i * PAGE), PAGE, &in) == 0 && (in & 1) ? '1' : '0';
  }
  print(process, c, "%s", digits);
  free(digits);
}

/* read and write, at an offset of their own; the files of a program are open to all of its processes. */
static int move_bytes(size_t process, const struct command *c, void *addr) {
  int fd = open(path_of("file", (size_t)c->id), O_RDWR | O_CLOEXEC);
  if (fd < 0) {
    die("%s", path_of("file", (size_t)c->id));
  }
  uint64_t done = 0;
  ssize_t count;
  do {
    count = c->op == READ ? pread(fd, (char *)addr + done, c->len - done, (off_t)(c->value + done))
                          : pwrite(fd, (char *)addr + done, c->len - done, (off_t)(c->value + done));
    done += count > 0 ? (uint64_t)count : 0;
  } while (count > 0 && done < c->len);
  int error = errno;
  close(fd);
  errno = error;
  if (count < 0 && done == 0) {
    return -1;
  }
  print(process, c, "0x%" PRIx64, done);
  return 0;
}

static const char *error_name(const struct command *c) {
  if (c->op == MSYNC && errno == ENOMEM) {
    return "EINVAL"; /* what 1995 said of a hole */
  }
  return strerrorname_np(errno);
}

static int system_call(size_t process, const struct command *c) {
  void *addr = (void *)(uintptr_t)c->addr;
  switch (c->op) {
  case MMAP_ANON:
    return mmap(addr, c->len, c->prot, MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE | (c->shared ? MAP_SHARED : MAP_PRIVATE), -1, 0)
                   == MAP_FAILED ? -1 : 0;
  case MMAP_FILE: return map_file(c, addr);
  case MUNMAP: return munmap(addr, c->len);
  case MPROTECT: return mprotect(addr, c->len, c->prot) == 0 ? 0 : page_by_page(c, protect_page);
  case MINHERIT:
    if (c->choice == SHARE) {
      fprintf(stderr, "host-run: line %" PRIu64 ": Linux shares with a child only what is mapped shared\n", c->line);
    }
    return page_by_page(c, advise_page);
  case MADVISE: return page_by_page(c, advise_page) == 0 || errno == EBADF ? 0 : -1;
  case MLOCK: return mlock(addr, c->len);
  case MUNLOCK: return munlock(addr, c->len);
  case MSYNC: return msync(addr, c->len, c->choice == ASYNC ? MS_ASYNC : c->choice == INVALIDATE ? MS_SYNC | MS_INVALIDATE : MS_SYNC);
  case MINCORE: show_residence(process, c); return 0;
  case TRUNCATE: return truncate(path_of("file", (size_t)c->id), (off_t)c->value);
  case READ:
  case WRITE: return move_bytes(process, c, addr);
  case WAIT: return waitpid(control.children[c->id], NULL, 0) < 0 ? -1 : 0;
  case BARRIER: pthread_barrier_wait(&control.barriers[c->id]); return 0;
  case SLEEP: return usleep(TICK_MICROS * (useconds_t)(c->value < 10 ? c->value : 10));
  default: return 0;
  }
}

static void run(size_t process, size_t at);

static int vfork_main(void *process) {
  run((size_t)process, processes[(size_t)process].first);
  _exit(0);
}

static int start(size_t process, bool borrow) {
  if (!borrow) {
    pid_t pid = fork();
    if (pid == 0) {
      run(process, processes[process].first);
      _exit(0);
    }
    control.children[process] = pid;
    return pid < 0 ? -1 : 0;
  }
  char *stack = mmap(NULL, VFORK_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) {
    return -1;
  }
  pid_t pid = clone(vfork_main, stack + VFORK_STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, (void *)process);
  control.children[process] = pid;
  munmap(stack, VFORK_STACK);
  return pid < 0 ? -1 : 0;
}

static void drop_address_space(size_t process, size_t next) {
  char p[32], n[32];
  snprintf(p, sizeof p, "%zu", process);
  snprintf(n, sizeof n, "%zu", next);
  execl("/proc/self/exe", "host-run", "--resume", directory, p, n, (char *)NULL);
  die("exec of myself");
}

/* Carries out the commands of a process from `at` on. */
static void run(size_t process, size_t at) {
  for (; at < processes[process].end && commands[at].op != EXIT; at++) {
    const struct command *c = &commands[at];
    errno = 0;
    if (c->op >= STORE && c->op <= TOUCH) {
      access_memory(process, c);
    } else if (c->op == EXEC) {
      drop_address_space(process, at + 1);
    } else if ((c->op == FORK || c->op == VFORK ? start((size_t)c->id, c->op == VFORK) : system_call(process, c)) != 0) {
      print(process, c, "%s", error_name(c));
    }
  }
}

/* The first process of all: makes the directory, starts the program, waits for all of its processes, clears up */

static void copy_program(const char *name) {
  FILE *out = fopen(path_of("program", 0), "w");
  char command[4096];
  if (out == NULL || strchr(name, '\'') != NULL) {
    die("cannot copy %s", name);
  }
  fclose(out);
  bool packed = strlen(name) > 3 && strcmp(name + strlen(name) - 3, ".gz") == 0;
  snprintf(command, sizeof command, "%s -- '%s' > %s", packed ? "gzip -dc" : "cat", name, path_of("program", 0));
  if (system(command) != 0) {
    die("cannot read %s", name);
  }
}

static void open_program(void) {
  FILE *in = fopen(path_of("program", 0), "r");
  if (in == NULL) {
    die("%s", path_of("program", 0));
  }
  read_program(in);
  fclose(in);
}

static void remove_directory(void) {
  unlink(path_of("program", 0));
  unlink(path_of("control", 0));
  for (size_t i = 0; i < file_count; i++) {
    unlink(path_of("file", i));
  }
  rmdir(directory);
}

int main(int argc, char **argv) {
  catch_signals();
  if (argc == 5 && strcmp(argv[1], "--resume") == 0) {
    snprintf(directory, sizeof directory, "%s", argv[2]);
    open_program();
    map_control(false);
    run(strtoull(argv[3], NULL, 10), strtoull(argv[4], NULL, 10));
    return 0;
  }
  if (argc != 2 || (argv[1][0] == '-' && argv[1][1] != '\0')) {
    fprintf(stderr, "usage: host-run PROGRAM.vm | PROGRAM.vm.gz | -\n");
    return 2;
  }
  snprintf(directory, sizeof directory, "/tmp/host-run.XXXXXX");
  if (mkdtemp(directory) == NULL) {
    die("%s", directory);
  }
  copy_program(argv[1]);
  open_program();
  for (size_t i = 0; i < file_count; i++) {
    make_file(i);
  }
  map_control(true);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  if (process_count == 0 || start(0, false) != 0) {
    die("cannot start the program");
  }
  int worst = 0, status;
  while (wait(&status) > 0 || errno == EINTR) {
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
      fprintf(stderr, "host-run: a process of the program ended with status %#x\n", (unsigned)status);
      worst = 2;
    }
  }
  remove_directory();
  return worst;
}
