from django.apps import AppConfig


class DeskConfig(AppConfig):
    name = "desk"
    verbose_name = "Desk"

    def ready(self) -> None:
        """Comms stands below the desk, so the desk hands it what to do with a message that was given up and what a page
        says when its mail leaves."""
        from comms import bundles, outbox
        from desk import dead_letters, page_words
        from incidentdesk.kernel import collector

        if dead_letters.note not in outbox.dead_hooks:
            outbox.dead_hooks.append(dead_letters.note)
        if page_words.written not in bundles.writers:
            bundles.writers.append(page_words.written)
        collector.settle()
