from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("people", "0005_a_token_has_an_end")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="device_epoch",
            field=models.PositiveIntegerField(db_default=0, default=0, editable=False),
        ),
    ]
