/*
 * victim makes system calls under whatever filter it finds itself, and tells
 * what became of it. In C because Go's runtime has a SIGSYS handler of its own,
 * and does not survive the loss of one thread in a way that a test can rely on.
 *
 *   victim call NR [ARG...]         from the main thread
 *   victim thread NR [ARG...]       from another; the main thread then speaks
 *   victim handle NR [ARG...]       with a handler for SIGSYS
 *   victim killthread NR [ARG...]   as thread, under a filter of its own that
 *                                   kills the thread
 *
 * A call that returns is told as "ret N errno N". "alive" is what the main
 * thread says after the other one has ended.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long nr, args[6];

static void call(void)
{
	errno = 0;
	long ret = syscall(nr, args[0], args[1], args[2], args[3], args[4], args[5]);
	printf("ret %ld errno %d\n", ret, ret == -1 ? errno : 0);
	fflush(stdout);
}

static void *call_in_thread(void *own_filter)
{
	if (own_filter) {
		struct sock_filter code[] = {
			BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
			BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
			BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_THREAD),
			BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		};
		struct sock_fprog program = {sizeof code / sizeof *code, code};
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
			perror("filter");
			_exit(3);
		}
	}
	call();
	return NULL;
}

/*
 * The main thread does not join the other: the kernel clears a thread's id when
 * it is killed, but not under every C library in a way that join sees. It looks
 * whether the thread is there (tgkill(2) with signal 0).
 */
static volatile pid_t worker;

static void *enter(void *own_filter)
{
	worker = syscall(SYS_gettid);
	return call_in_thread(own_filter);
}

static void other_thread(int own_filter)
{
	pthread_t t;
	if (pthread_create(&t, NULL, enter, own_filter ? &nr : NULL)) {
		fputs("no thread\n", stderr);
		_exit(3);
	}
	for (int i = 0; i < 5000 && (!worker || !syscall(SYS_tgkill, getpid(), worker, 0)); i++)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	puts("alive");
}

static void handler(int sig, siginfo_t *info, void *context)
{
	(void)context;
	char line[128]; /* snprintf is not async-signal-safe, but the signal is no asynchronous one */
	int n = snprintf(line, sizeof line, "signal %d code %d si_syscall %d si_arch %#x\n", sig, info->si_code, info->si_syscall, info->si_arch);
	if (write(1, line, n) != n)
		_exit(3);
}

int main(int argc, char **argv)
{
	if (argc < 3 || argc > 9)
		return 2;
	nr = strtol(argv[2], NULL, 0);
	for (int i = 3; i < argc; i++)
		args[i - 3] = strtoul(argv[i], NULL, 0);
	if (!strcmp(argv[1], "handle")) {
		struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
		sigaction(SIGSYS, &action, NULL);
	}
	if (!strcmp(argv[1], "thread") || !strcmp(argv[1], "killthread"))
		other_thread(argv[1][0] == 'k');
	else
		call();
	return 0;
}
