"""gunicorn's own log entries in the form of ours: `--logger-class pciops.lib.gunicorn.Logger`."""

from __future__ import annotations

from typing import Any

from gunicorn import glogging

from pciops.lib import env, env_file, logs
from pciops.lib.env import SettingError


class Logger(glogging.Logger):  # type: ignore[misc] # published without types
    """gunicorn's logger with the formatter of PCIOPS_LOG_FORMAT."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        formatter = logs.FORMATTERS[_form()]
        for handler in (*self.error_log.handlers, *self.access_log.handlers):
            handler.setFormatter(formatter())


def _form() -> str:
    """Return the form of log entries, before the application reads the file of settings."""
    try:
        _, values = env_file.read("PCIOPS_ENV_FILE", env_file.DEFAULT)
        kept = values.get("PCIOPS_LOG_FORMAT")
        return env.choice("PCIOPS_LOG_FORMAT", kept or "TEXT", tuple(logs.FORMATTERS))
    except SettingError:
        return "TEXT"  # the application does not start, and says why
