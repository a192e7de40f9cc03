from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('people', '0001_people_teams_sign_ins_and_tokens'),
    ]

    operations = [
        migrations.AddField(
            model_name='throttle',
            name='bucket',
            field=models.CharField(default='', max_length=64),
        ),
        migrations.AlterField(
            model_name='throttle',
            name='opened_at',
            field=models.DateTimeField(),
        ),
    ]
