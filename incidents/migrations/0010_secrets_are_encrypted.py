"""The webhook secrets of clients are encrypted under SECRET_KEY (S18). The way back needs that key too."""

from django.db import migrations

from incidentdesk.kernel import encrypted

READ = "SELECT id, webhook_secret FROM incidents_client WHERE webhook_secret <> '' FOR UPDATE"
WRITE = "UPDATE incidents_client SET webhook_secret = %s WHERE id = %s"


def each(schema_editor, change):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(READ)
        for pk, stored in cursor.fetchall():
            cursor.execute(WRITE, [change(stored), pk])


def encrypt(apps, schema_editor):
    """Each secret once, also when a part was done before."""
    each(schema_editor, lambda stored: stored if stored.startswith(encrypted.MARK) else encrypted.encrypt(stored))


def decrypt(apps, schema_editor):
    """As it was. Raises ValueError where the key of a secret is not here; nothing is changed then."""
    each(schema_editor, lambda stored: encrypted.readable(encrypted.decrypt(stored)))


class Migration(migrations.Migration):
    dependencies = [("incidents", "0009_a_database_knows_where_it_belongs")]
    operations = [
        migrations.AlterField(
            model_name="client",
            name="webhook_secret",
            field=encrypted.EncryptedField(blank=True, max_length=120),
        ),
        migrations.RunPython(encrypt, decrypt),
    ]
