#include <dirent.h>
#include <net/if.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "survey.h"

static void devices(void)
{
	struct if_nameindex *list = if_nameindex();
	char names[256] = "";

	for (struct if_nameindex *i = list; i != NULL && i->if_name != NULL; i++) {
		size_t used = strlen(names);

		snprintf(names + used, sizeof names - used, "%s%s", used ? " " : "", i->if_name);
	}
	if_freenameindex(list);
	finding("network devices", "%s", names);
}

int serve(void)
{
	struct sockaddr_in here = { .sin_family = AF_INET };
	socklen_t length = sizeof here;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&here, sizeof here) != 0 || listen(fd, 8) != 0 ||
	    getsockname(fd, (struct sockaddr *)&here, &length) != 0) {
		perror("survey: serve");
		return 1;
	}
	printf("%d\n", ntohs(here.sin_port));
	fflush(stdout);
	for (;;)
		close(accept(fd, NULL, NULL));
}

void survey_network(void)
{
	const char *port = wanted("SURVEY_PORT");
	struct sockaddr_in peer = { .sin_family = AF_INET };
	int fd;

	devices();
	if (port == NULL)
		return;
	peer.sin_port = htons((unsigned short)atoi(port));
	peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	outcome("reach a server on this machine", connect(fd, (struct sockaddr *)&peer, sizeof peer) == 0);
	close(fd);
}
