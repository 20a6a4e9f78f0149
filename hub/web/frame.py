"""What every view needs: the hub and the person."""

from typing import cast

from flask import current_app, g

from hub.context import Hub
from hub.security.policy import Person

EXTENSION = "hub"  # key in Flask's `app.extensions`


def current_hub() -> Hub:
    """Return the hub that this Flask app was made for."""
    return cast("Hub", current_app.extensions[EXTENSION])


def current_person() -> Person:
    """Return who is signed in; only for views behind `auth.needs`."""
    return cast("Person", g.person)
