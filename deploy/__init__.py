"""How the system is put together and run: settings, the embedded server, images, services."""
