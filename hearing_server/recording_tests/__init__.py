"""A daily test recording through the real path, and its playback, before the court opens (C24)."""

from .course import STEPS as STEPS
from .course import Course as Course
from .service import NoWorkers as NoWorkers
from .service import RecordingTests as RecordingTests
from .trial import Path as Path
