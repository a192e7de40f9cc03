"""The permission matrix: every right against every column, in one table that reads like the ledger's.

Rows above the line are the ledger's own, cell by cell; rows below it are acts the matrix does not name, derived from
the rows cited. Y allowed, - refused, P by policy: off unless a grant opens it (`people.rights`).
"""

from enum import StrEnum


class Column(StrEnum):
    """Where a person stands in an incident. The last five are not in the ledger's table."""

    IC = "ic"
    COMMS = "comms"
    OPS = "ops"
    SME = "sme"
    SUPPORT = "support"
    CUSTOMER_SUPPORT = "customer_support"
    MANAGER = "manager"
    EXECUTIVE = "executive"
    CLIENT = "client"
    SPECTATOR = "spectator"
    # at work in the room without a column of their own: Comms-qualified without the seat, scribe, liaison, deputy
    RESPONDER = "responder"
    DEPUTY = "deputy"
    OWNER = "owner"  # of an incident without an IC
    OWNER_IN_CHARGE = "owner_in_charge"  # the same on SEV-3 and SEV-4: has the IC's rights
    ADMIN = "admin"

    @property
    def person(self) -> str:
        """Who stands in it, in words."""
        return _PERSONS[self]


_PERSONS = {
    Column.IC: "the Incident Commander",
    Column.COMMS: "the Comms Lead",
    Column.OPS: "the Ops Lead",
    Column.SME: "an engineer or expert",
    Column.SUPPORT: "application support",
    Column.CUSTOMER_SUPPORT: "customer support",
    Column.MANAGER: "a manager",
    Column.EXECUTIVE: "an executive",
    Column.CLIENT: "the client's contact",
    Column.SPECTATOR: "a spectator",
    Column.RESPONDER: "a responder",
    Column.DEPUTY: "the deputy",
    Column.OWNER: "the owner",
    Column.OWNER_IN_CHARGE: "the owner",
    Column.ADMIN: "an administrator",
}


class Right(StrEnum):
    """Each thing that somebody may or may not do; its own permission, so each can be tested for every role (RBAC-21)."""

    DECLARE = "declare"
    SEE_BRIDGE = "see_bridge"
    POST = "post"
    SEE_THEORIES = "see_theories"
    PROPOSE_CHANGE = "propose_change"
    APPROVE_CHANGE = "approve_change"
    APPROVE_EMERGENCY = "approve_emergency"
    START_CHANGE = "start_change"
    SET_SEVERITY = "set_severity"
    RESOLVE = "resolve"
    ASSIGN = "assign"
    ADD_SME = "add_sme"
    PROPOSE_SEVERITY = "propose_severity"
    CLOSE = "close"
    SEND_TEXT = "send_text"
    ASK = "ask"
    ANSWER = "answer"
    SEE_REVENUE = "see_revenue"
    CONFIRM_RECOVERY = "confirm_recovery"
    READ_CONDUCT = "read_conduct"
    EDIT_POLICIES = "edit_policies"

    SEE = "see"
    SEE_ROOM = "see_room"
    MOVE = "move"
    IDENTIFY = "identify"
    DISMISS = "dismiss"
    REOPEN = "reopen"
    REOPEN_CLOSED = "reopen_closed"
    STATE_IMPACT = "state_impact"
    END_IMPACT = "end_impact"
    DECIDE = "decide"
    CLAIM_SEAT = "claim_seat"
    OPEN_BRIDGE = "open_bridge"
    PAGE = "page"
    ACKNOWLEDGE = "acknowledge"
    ESCALATE = "escalate"
    TELL_LEAD = "tell_lead"
    TICK = "tick"
    SEND_INTERNAL = "send_internal"
    SEND_EXECUTIVES = "send_executives"
    SEND_PUBLIC = "send_public"
    RELIEVE_IC = "relieve_ic"
    MANAGE_PEOPLE = "manage_people"
    REDACT = "redact"

    @property
    def act(self) -> str:
        """The act in words that follow "You cannot"."""
        return _ACTS[self]


_ACTS = {
    Right.DECLARE: "declare an incident",
    Right.SEE_BRIDGE: "see the bridge link",
    Right.POST: "write in the log of this incident",
    Right.SEE_THEORIES: "see theories",
    Right.PROPOSE_CHANGE: "propose a production change",
    Right.APPROVE_CHANGE: "approve a production change",
    Right.APPROVE_EMERGENCY: "give the second approval of an emergency change",
    Right.START_CHANGE: "start a production change",
    Right.SET_SEVERITY: "change the severity",
    Right.RESOLVE: "resolve the incident",
    Right.ASSIGN: "assign or end a seat",
    Right.ADD_SME: "add an expert",
    Right.PROPOSE_SEVERITY: "propose a severity",
    Right.CLOSE: "close the incident",
    Right.SEND_TEXT: "send a text to clients",
    Right.ASK: "ask in the question queue",
    Right.ANSWER: "answer in the question queue",
    Right.SEE_REVENUE: "see revenue figures",
    Right.CONFIRM_RECOVERY: "confirm recovery for a client",
    Right.READ_CONDUCT: "read notes on conduct",
    Right.EDIT_POLICIES: "edit policies",
    Right.SEE: "see this incident",
    Right.SEE_ROOM: "enter the war room",
    Right.MOVE: "move the status",
    Right.IDENTIFY: "mark the cause as identified",
    Right.DISMISS: "close this as a false alarm",
    Right.REOPEN: "reopen a resolved incident",
    Right.REOPEN_CLOSED: "reopen a closed incident",
    Right.STATE_IMPACT: "state the impact",
    Right.END_IMPACT: "stamp the end of the impact",
    Right.DECIDE: "set the objective or record a decision",
    Right.CLAIM_SEAT: "claim a seat",
    Right.OPEN_BRIDGE: "open the bridge",
    Right.PAGE: "page somebody",
    Right.ACKNOWLEDGE: "acknowledge a page",
    Right.ESCALATE: "escalate",
    Right.TELL_LEAD: "record that the lead was told",
    Right.TICK: "tick an item of the checklist",
    Right.SEND_INTERNAL: "send an update to responders",
    Right.SEND_EXECUTIVES: "send an update to executives",
    Right.SEND_PUBLIC: "send a text to the public",
    Right.RELIEVE_IC: "relieve the Incident Commander",
    Right.MANAGE_PEOPLE: "manage people",
    Right.REDACT: "redact a text",
}

_ORDER = (
    Column.IC, Column.COMMS, Column.OPS, Column.SME, Column.SUPPORT,
    Column.CUSTOMER_SUPPORT, Column.MANAGER, Column.EXECUTIVE, Column.CLIENT, Column.SPECTATOR,
)  # fmt: skip

_TABLE: dict[Right, str] = {
    #                        IC Com Ops SME Sup CuS Man Exe Cli Spe
    Right.DECLARE:           "Y  Y   Y   Y   Y   Y   Y   Y   -   P",
    Right.SEE_BRIDGE:        "Y  Y   Y   Y   Y   -   P   P   P   -",
    Right.POST:              "Y  Y   Y   Y   Y   -   P   -   -   -",
    Right.SEE_THEORIES:      "Y  Y   Y   Y   Y   -   Y   -   -   -",
    Right.PROPOSE_CHANGE:    "Y  -   Y   Y   Y   -   -   -   -   -",
    Right.APPROVE_CHANGE:    "Y  -   -   -   -   -   P   -   -   -",
    Right.APPROVE_EMERGENCY: "-  -   -   -   -   -   Y   -   -   -",
    Right.START_CHANGE:      "-  -   Y   -   P   -   -   -   -   -",
    Right.SET_SEVERITY:      "Y  -   -   -   -   -   -   -   -   -",
    Right.RESOLVE:           "Y  -   -   -   -   -   -   -   -   -",
    Right.ASSIGN:            "Y  -   -   -   -   -   -   -   -   -",
    Right.ADD_SME:           "Y  -   -   -   -   -   -   -   -   -",
    Right.PROPOSE_SEVERITY:  "Y  Y   Y   Y   Y   Y   Y   -   -   -",
    Right.CLOSE:             "Y  -   -   -   -   -   Y   -   -   -",
    Right.SEND_TEXT:         "P  Y   -   -   P   -   -   -   -   -",
    Right.ASK:               "Y  Y   Y   Y   Y   Y   Y   Y   Y   Y",
    Right.ANSWER:            "Y  Y   -   -   -   -   -   -   -   -",
    Right.SEE_REVENUE:       "Y  P   P   P   P   -   Y   Y   -   -",
    Right.CONFIRM_RECOVERY:  "-  P   -   -   P   P   -   -   Y   -",
    Right.READ_CONDUCT:      "-  -   -   -   -   -   Y   -   -   -",  # of the people who report to them (RBAC-14)
    Right.EDIT_POLICIES:     "-  -   -   -   -   -   P   -   -   -",
    # ---- not in the ledger's table -------------------------------
    Right.SEE:               "Y  Y   Y   Y   Y   Y   Y   Y   -   Y",  # the summary (RBAC-02, -03, -05)
    Right.SEE_ROOM:          "Y  Y   Y   Y   Y   -   Y   -   -   -",  # command feed and theories (RBAC-02..05)
    Right.MOVE:              "Y  -   -   -   -   -   -   -   -   -",  # INC-10
    Right.IDENTIFY:          "Y  -   Y   -   -   -   -   -   -   -",  # INC-10
    Right.DISMISS:           "Y  -   -   -   -   -   -   -   -   -",  # INC-10; the owner too
    Right.REOPEN:            "Y  -   Y   Y   Y   -   -   -   -   -",  # RES-09: IC or on call
    Right.REOPEN_CLOSED:     "-  -   -   -   -   -   Y   -   -   -",  # RES-12
    Right.STATE_IMPACT:      "Y  Y   Y   Y   Y   -   -   -   -   -",
    Right.END_IMPACT:        "Y  Y   Y   Y   Y   -   -   -   -   -",  # INC-15: any responder
    Right.DECIDE:            "Y  -   -   -   -   -   -   -   -   -",
    Right.CLAIM_SEAT:        "Y  Y   Y   Y   Y   -   Y   -   -   -",  # `qualified` decides which seat
    Right.OPEN_BRIDGE:       "Y  Y   Y   Y   Y   -   -   -   -   -",
    Right.PAGE:              "Y  Y   Y   Y   Y   -   Y   -   -   -",  # APP-04: a solo responder pages an approver
    Right.ACKNOWLEDGE:       "Y  Y   Y   Y   Y   -   Y   -   -   -",
    Right.ESCALATE:          "Y  Y   Y   Y   Y   -   Y   -   -   -",
    Right.TELL_LEAD:         "Y  Y   Y   Y   Y   -   Y   -   -   -",
    Right.TICK:              "Y  Y   Y   Y   Y   -   Y   -   -   -",
    Right.SEND_INTERNAL:     "Y  Y   -   -   -   -   -   -   -   -",
    Right.SEND_EXECUTIVES:   "-  Y   -   -   -   -   -   -   -   -",  # RBAC-10
    Right.SEND_PUBLIC:       "-  Y   -   -   -   -   -   -   -   -",  # RBAC-10
    Right.RELIEVE_IC:        "-  -   -   -   -   -   Y   -   -   -",  # ROLE-35
    Right.MANAGE_PEOPLE:     "-  -   -   -   -   -   -   -   -   -",
    Right.REDACT:            "-  -   -   -   -   -   -   -   -   -",  # RBAC-13: admin, and it leaves a mark
}  # fmt: skip

BY_LEDGER: dict[Column, dict[Right, str]] = {
    column: {right: _TABLE[right].split()[place] for right in Right} for place, column in enumerate(_ORDER)
}

_AT_WORK = frozenset(right for right in Right if BY_LEDGER[Column.SME][right] == "Y") - {
    Right.PROPOSE_CHANGE,
    Right.REOPEN,
}

OF_OWN: dict[Column, frozenset[Right]] = {
    Column.RESPONDER: _AT_WORK,
    Column.DEPUTY: frozenset(),  # approves when the chain comes to them
    Column.OWNER: frozenset({Right.DISMISS}),
    Column.OWNER_IN_CHARGE: frozenset(right for right in Right if BY_LEDGER[Column.IC][right] == "Y"),
    # RBAC-11: no right to act in an incident; reads everything but notes on conduct
    Column.ADMIN: frozenset(
        {
            Right.SEE,
            Right.SEE_ROOM,
            Right.SEE_THEORIES,
            Right.SEE_REVENUE,
            Right.SEE_BRIDGE,
            Right.EDIT_POLICIES,
            Right.MANAGE_PEOPLE,
            Right.REDACT,
        }
    ),
}
