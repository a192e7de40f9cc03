from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("oncall", "0007_words_of_severity_that_nobody_mapped"),
    ]

    operations = [
        migrations.AddField(
            model_name="alert",
            name="told",
            field=models.BigIntegerField(
                help_text="A digest of what was told while it fires; empty where that is not known.", null=True
            ),
        ),
        migrations.AddIndex(
            model_name="alert",
            index=models.Index(
                fields=["source", "fingerprint", "starts_at"],
                name="alert_of_another_sender",
                condition=models.Q(same_as__isnull=False),
            ),
        ),
    ]
