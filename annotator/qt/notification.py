"""Tells the desktop that something is done, for a person who looks at another window."""

from __future__ import annotations

import os

from PyQt5.QtCore import QVariant

_SERVICE = "org.freedesktop.Notifications"
_PATH = "/org/freedesktop/Notifications"
_APP = "mask-annotator"


def notify(title: str, text: str) -> bool:
    """Show a notification of the desktop's; False where it has none to show (nothing is waited for).

    Args:
        title: One short line.
        text: What it is about.
    """
    if not os.environ.get("DBUS_SESSION_BUS_ADDRESS"):
        return False  # asking Qt would start a bus of our own
    from PyQt5.QtDBus import QDBusConnection, QDBusMessage

    bus = QDBusConnection.sessionBus()
    if not bus.isConnected() or not bus.interface().isServiceRegistered(_SERVICE).value():
        return False
    message = QDBusMessage.createMethodCall(_SERVICE, _PATH, _SERVICE, "Notify")
    replaces = QVariant(0)
    replaces.convert(QVariant.UInt)
    actions = QVariant([])
    actions.convert(QVariant.StringList)
    message.setArguments([_APP, replaces, "", title, text, actions, {}, -1])
    return bool(bus.send(message))
