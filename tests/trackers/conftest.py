"""Every test here runs offline."""

from helpers.offline import go_offline, loopback_only

__all__ = ["loopback_only"]

go_offline()
