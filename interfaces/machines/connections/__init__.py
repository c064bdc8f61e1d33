"""Ways to a machine's shell and files: this computer, asyncssh, the system's own `ssh`."""
