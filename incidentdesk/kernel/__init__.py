"""Words all apps share; this package knows no model."""
