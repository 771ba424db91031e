"""What the end-to-end tests are made of: a running demo, people in real browsers, and probes in their pages."""
