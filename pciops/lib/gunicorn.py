"""gunicorn's own log entries in the form of ours: `--logger-class pciops.lib.gunicorn.Logger`."""

from __future__ import annotations

from typing import Any

from gunicorn import glogging

from pciops.lib import env, logs


class Logger(glogging.Logger):  # type: ignore[misc] # published without types
    """gunicorn's logger with the formatter of PCIOPS_LOG_FORMAT."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        formatter = logs.FORMATTERS[env.choice("PCIOPS_LOG_FORMAT", "TEXT", tuple(logs.FORMATTERS))]
        for handler in (*self.error_log.handlers, *self.access_log.handlers):
            handler.setFormatter(formatter())
