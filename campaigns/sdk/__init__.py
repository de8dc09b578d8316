"""What browsers load: the site's script and its service worker."""
