/* notify.h -- telling a service manager how things stand (the sd_notify protocol). */
#ifndef HISTD_NOTIFY_H
#define HISTD_NOTIFY_H

/* "READY=1", "STOPPING=1", ...; nothing happens when no manager listens. */
void notify_manager(const char *state);

#endif
