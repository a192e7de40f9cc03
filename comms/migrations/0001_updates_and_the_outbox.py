# The texts that leave, and the rows that carry them.

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('incidents', '0001_catalogue_record_timeline_and_deadlines'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Breaker',
            fields=[
                ('lane', models.CharField(max_length=300, primary_key=True, serialize=False)),
                ('failures', models.PositiveIntegerField(default=0)),
                ('open_until', models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='Update',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('status', models.CharField(max_length=20)),
                ('sent_at', models.DateTimeField()),
                ('next_at', models.DateTimeField(null=True)),
                ('author', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('incident', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='updates', to='incidents.incident')),
            ],
            options={
                'ordering': ['incident_id', 'number'],
            },
        ),
        migrations.CreateModel(
            name='UpdateText',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('audience', models.CharField(choices=[('responders', 'Responders'), ('executives', 'Executives'), ('clients', 'Clients'), ('public', 'Public')], max_length=20)),
                ('subject', models.CharField(max_length=300)),
                ('body', models.TextField()),
                ('data', models.JSONField(default=dict)),
                ('update', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='texts', to='comms.update')),
            ],
            options={
                'ordering': ['update_id', 'id'],
            },
        ),
        migrations.CreateModel(
            name='Message',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('dedupe_key', models.CharField(max_length=200, unique=True)),
                ('channel', models.CharField(choices=[('email', 'e-mail'), ('webhook', 'webhook'), ('log', 'log')], max_length=10)),
                ('dest', models.CharField(max_length=2000)),
                ('lane', models.CharField(max_length=300)),
                ('payload', models.JSONField(default=dict)),
                ('priority', models.PositiveSmallIntegerField(choices=[(0, 'page'), (3, 'notice'), (5, 'update')], default=5)),
                ('state', models.CharField(choices=[('pending', 'waiting'), ('leased', 'being sent'), ('sent', 'sent'), ('dead', 'given up'), ('simulated', 'simulated, not sent'), ('kept', 'kept here, not sent')], default='pending', max_length=10)),
                ('due_at', models.DateTimeField()),
                ('attempt', models.PositiveIntegerField(default=0)),
                ('faults', models.PositiveSmallIntegerField(default=0)),
                ('lease_until', models.DateTimeField(null=True)),
                ('last_error', models.CharField(blank=True, max_length=300)),
                ('created_at', models.DateTimeField()),
                ('first_attempt_at', models.DateTimeField(null=True)),
                ('sent_at', models.DateTimeField(null=True)),
                ('incident', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='messages', to='incidents.incident')),
                ('text', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='messages', to='comms.updatetext')),
            ],
            options={
                'ordering': ['id'],
            },
        ),
        migrations.AddConstraint(
            model_name='update',
            constraint=models.UniqueConstraint(fields=('incident', 'number'), name='update_numbered_once_per_incident'),
        ),
        migrations.AddConstraint(
            model_name='update',
            constraint=models.CheckConstraint(condition=models.Q(('next_at', None), ('next_at__gt', models.F('sent_at')), _connector='OR'), name='update_promises_a_time_to_come'),
        ),
        migrations.AddConstraint(
            model_name='updatetext',
            constraint=models.UniqueConstraint(fields=('update', 'audience'), name='update_one_text_per_audience'),
        ),
        migrations.AddConstraint(
            model_name='updatetext',
            constraint=models.CheckConstraint(condition=models.Q(('audience__in', ['responders', 'executives', 'clients', 'public'])), name='update_text_audience_known'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('state', 'pending')), fields=['due_at'], name='message_due'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('state', 'leased')), fields=['lease_until'], name='message_lease_ends'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('state', 'dead')), fields=['incident'], name='message_dead'),
        ),
        migrations.AddConstraint(
            model_name='message',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['pending', 'leased', 'sent', 'dead', 'simulated', 'kept'])), name='message_state_known'),
        ),
        migrations.AddConstraint(
            model_name='message',
            constraint=models.CheckConstraint(condition=models.Q(('channel__in', ['email', 'webhook', 'log'])), name='message_channel_known'),
        ),
        migrations.AddConstraint(
            model_name='message',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('lease_until__isnull', False), ('state', 'leased')), models.Q(models.Q(('state', 'leased'), _negated=True), ('lease_until', None)), _connector='OR'), name='message_leased_iff_lease'),
        ),
        migrations.AddConstraint(
            model_name='message',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'sent'), _negated=True), ('sent_at__isnull', False), _connector='OR'), name='message_sent_has_time'),
        ),
    ]
