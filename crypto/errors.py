"""Errors, named after whose fault they are.

No message or attribute ever contains key material, an auth secret, a payload or a token: these
errors end up in logs.
"""


class CryptoError(ValueError):
    """Base class of all errors that this package raises about its input."""


class SubscriptionKeyError(CryptoError):
    """The subscription's keys are not usable (RFC 8291, section 7): fix or drop the subscription.

    Attributes:
        field: `p256dh` or `auth`.
        problem: what is wrong with it, in words.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem

    def __reduce__(self) -> tuple[type["SubscriptionKeyError"], tuple[str, str]]:
        return type(self), (self.field, self.problem)


class PayloadTooLargeError(CryptoError):
    """The plaintext does not fit the single record (RFC 8291, section 4): shorten the message.

    Attributes:
        size: bytes given.
        limit: bytes allowed.
    """

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"payload of {size} bytes is over the limit of {limit}")
        self.size = size
        self.limit = limit

    def __reduce__(self) -> tuple[type["PayloadTooLargeError"], tuple[int, int]]:
        return type(self), (self.size, self.limit)


class DecryptionError(CryptoError):
    """The body is not a correctly encrypted message (RFC 8188, RFC 8291)."""


class VapidKeyError(CryptoError):
    """What should hold a VAPID key holds no usable one: the operator must put the right key there."""


class VapidCurveError(VapidKeyError):
    """The VAPID key is one of another kind, or on another curve than P-256."""


class VapidPasswordError(VapidKeyError):
    """The VAPID key is encrypted, and its password is missing or wrong."""


class VapidSubjectError(CryptoError):
    """A push service would refuse the VAPID subject: the operator must change the setting."""


class VapidTokenError(CryptoError):
    """An Authorization value cannot be made or is not valid (RFC 8292).

    Attributes:
        problem: one stable word: `malformed`, `bad_key`, `bad_signature`, `bad_header`,
            `bad_audience`, `wrong_audience`, `expired`, `too_far_ahead` or `bad_subject`.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem
