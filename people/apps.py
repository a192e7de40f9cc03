"""The app, and the administration site it puts in Django's place."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class PeopleConfig(AppConfig):
    """Users, teams, time zones, permissions, tokens."""

    name = "people"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the check that every URL declares its access."""
        from people import checks  # noqa: F401  (registers itself; needs the apps to be loaded)


class DeskAdminConfig(AdminConfig):
    """Django's administration, entered through the desk's own sign-in and with the password given again."""

    default_site = "people.admin_site.DeskAdminSite"
