"""The security audit: entries, their chain, and the tallies of what repeats (S34)."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

from incidentdesk.kernel import append_only

TABLES = ("people_auditentry", "people_auditlink")


def protect(apps, schema_editor):
    """The application keeps INSERT and SELECT."""
    append_only.protect(schema_editor, "people_refuse", TABLES)


def release(apps, schema_editor):
    """As it was."""
    append_only.release(schema_editor, "people_refuse", TABLES)


class Migration(migrations.Migration):

    dependencies = [
        ('people', '0002_a_throttle_of_a_fixed_size'),
    ]

    operations = [
        migrations.CreateModel(
            name='AuditEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(db_index=True)),
                ('event', models.CharField(help_text='A value of people.audit_events.Event', max_length=32)),
                ('by_name', models.CharField(blank=True, max_length=80)),
                ('about', models.CharField(blank=True, max_length=200)),
                ('details', models.JSONField(default=dict)),
                ('address', models.CharField(blank=True, max_length=64)),
                ('request_id', models.CharField(blank=True, max_length=80)),
                ('written_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), db_index=True)),
                ('by', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'audit entry',
                'verbose_name_plural': 'audit entries',
                'ordering': ['-at', '-id'],
            },
        ),
        migrations.CreateModel(
            name='AuditLink',
            fields=[
                ('seq', models.PositiveBigIntegerField(primary_key=True, serialize=False)),
                ('prev_hash', models.BinaryField()),
                ('hash', models.BinaryField()),
                ('entry', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='link', to='people.auditentry')),
            ],
        ),
        migrations.CreateModel(
            name='AuditTally',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('event', models.CharField(help_text='A value of people.audit_events.Event', max_length=32)),
                ('opened_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField(db_index=True)),
                ('subject', models.CharField(blank=True, help_text='Who and what, or empty for all the others.', max_length=300)),
                ('by_id', models.BigIntegerField(null=True)),
                ('by_name', models.CharField(blank=True, max_length=80)),
                ('about', models.CharField(blank=True, max_length=200)),
                ('address', models.CharField(blank=True, max_length=64)),
                ('last_at', models.DateTimeField()),
                ('count', models.PositiveIntegerField()),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('event', 'opened_at', 'subject'), name='audit_one_tally_a_window')],
            },
        ),
        migrations.RunPython(protect, release),
    ]
