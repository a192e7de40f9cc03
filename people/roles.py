"""What a person is in the organisation (ledger RBAC-01). Seats in an incident are not here: they add to these."""

from django.db.models import TextChoices


class Role(TextChoices):
    """The roles of the application; a person may have several, and their rights are the union."""

    ADMIN = "admin", "Administrator"
    MANAGER = "manager", "Manager"
    IC = "ic", "IC-qualified"
    COMMS = "comms", "Comms-qualified"
    ENGINEER = "engineer", "Engineer"
    SME = "sme", "Subject matter expert"
    SUPPORT = "support", "Application support"
    CUSTOMER_SUPPORT = "customer_support", "Customer support"
    EXECUTIVE = "executive", "Executive viewer"
    CLIENT_CONTACT = "client_contact", "Client contact"
    SPECTATOR = "spectator", "Spectator"


class Scope(TextChoices):
    """What an API token may be used for; a token never gives more than its person's own rights."""

    ALERTS_WRITE = "alerts:write", "Send alerts in"
    INCIDENTS_READ = "incidents:read", "Read incidents"
    INCIDENTS_WRITE = "incidents:write", "Act on incidents"
    STATUS_READ = "status:read", "Read the public status"
    OPS_READ = "ops:read", "Read the pulse of the desk"
    ADMIN = "admin", "Administer people and settings"


class Theme(TextChoices):
    """How the pages look; `auto` follows the device."""

    AUTO = "auto", "Auto"
    DARK = "dark", "Dark"
    LIGHT = "light", "Light"
