"""Real browsers in networks of their own: firewalls, relays, losses, and networks that change."""
