"""How passwords are hashed: Argon2id at OWASP's memory figure, so that a burst of sign-ins does not eat the machine."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2id(Argon2PasswordHasher):
    """19 MiB and two passes in one lane: some 20 ms a sign-in. Django's own figures take 100 MiB and eight lanes."""

    time_cost = 2
    memory_cost = 19456
    parallelism = 1
