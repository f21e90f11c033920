#!/usr/bin/perl
# listen.pl: what systemd does for longlined.socket and longlined.service, for machines where no systemd runs.
#
# scripts/run starts it in the daemon's place (LONGLINED). It makes the listening socket, keeps it, and starts the real
# daemon (REAL_LONGLINED, with the same arguments) with it as descriptor 3; whenever that ends it is started again, as
# after `systemctl restart`. SIGTERM stops both. Written in Perl because every Debian has it.
use strict;
use warnings;
use POSIX ();
use Socket;

my ($path) = map { $ARGV[$_ + 1] } grep { $ARGV[$_] eq '--socket' } 0 .. $#ARGV;
unlink $path;
umask 0007;
socket(my $listener, AF_UNIX, SOCK_STREAM, 0) or die "socket: $!";
bind($listener, pack_sockaddr_un($path)) or die "bind $path: $!";
listen($listener, 65535) or die "listen: $!";
fileno($listener) == 3 or POSIX::dup2(fileno($listener), 3) or die "dup2: $!";
$^F = 3; # handles up to this one stay open in the daemon
open(my $inherited, '+<&=', 3) or die "descriptor 3: $!";
fcntl($inherited, 2, 0) or die "F_SETFD: $!";

my ($daemon, $stopping);
# scripts/run signals the whole group, so the daemon may have its SIGTERM already; a second one does no harm.
$SIG{TERM} = sub { $stopping = 1; kill 'TERM', $daemon if $daemon };
until ($stopping) {
	$daemon = fork // die "fork: $!";
	if (!$daemon) {
		$SIG{TERM} = 'DEFAULT';
		@ENV{qw(LISTEN_FDS LISTEN_PID)} = (1, $$);
		exec $ENV{REAL_LONGLINED}, @ARGV or die "exec: $!";
	}
	1 while waitpid($daemon, 0) != $daemon;
	$? == 0 or die "the daemon ended with status $?\n";
}
unlink $path;
