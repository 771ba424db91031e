"""The processes of the platform: control, media worker and recorder, each composed from the packages it needs."""
