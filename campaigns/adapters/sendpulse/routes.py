"""The rows of SendPulse's API: what its document has, by line, and what its clients call besides.

`document, 69` is line 69 of "SendPulse service REST API", the edition whose answers have `send_date`;
`newer` is https://sendpulse.com/integrations/api/web-push.
"""

from functools import partial

from campaigns.adapters.routes import Route
from campaigns.adapters.sendpulse import subscribers, tasks, tokens, websites
from campaigns.adapters.sendpulse.adapter import SENDPULSE
from campaigns.adapters.sendpulse.subscribers import StateRequest, Subscription, SubscriptionsQuery
from campaigns.adapters.sendpulse.tasks import CreatedTask, ListedTask, TaskInfo, TaskRequest, TasksQuery
from campaigns.adapters.sendpulse.tokens import TokenAnswer, TokenRequest
from campaigns.adapters.sendpulse.websites import Code, Variable, Website, WebsiteInfo
from campaigns.adapters.sendpulse.wire import Done, ListQuery, Total
from campaigns.model.scope import Permission

_row = partial(Route, adapter=SENDPULSE, media_types=(), loose=True)
_get = partial(_row, method="GET", permission=Permission.READ)
_post = partial(_row, method="POST", permission=Permission.SEND)

ROUTES = (
    _row(  # document, 69
        name="getToken",
        method="POST",
        path="/oauth/access_token",
        handle=tokens.issue,
        summary="Get a token for an id and a secret.",
        request=TokenRequest,
        answer=TokenAnswer,
        limit="login",
    ),
    _get(  # document, 1371
        name="listTasks",
        path="/push/tasks",
        handle=tasks.list_all,
        summary="List push campaigns.",
        query=TasksQuery,
        answer=list[ListedTask],
    ),
    _post(  # document, 1574
        name="createTask",
        path="/push/tasks",
        handle=tasks.create,
        summary="Make a push campaign, and send it.",
        request=TaskRequest,
        answer=CreatedTask,
    ),
    _post(  # https://github.com/sendpulse/n8n-nodes-sendpulse
        name="createCampaign",
        path="/push/campaigns",
        handle=tasks.create_for_one_site,
        summary="Make a push campaign, and send it; the website need not be named.",
        request=TaskRequest,
        answer=CreatedTask,
    ),
    _get(  # document, 1648
        name="getTask",
        path="/push/tasks/{task}",
        handle=tasks.info,
        summary="Get what came of a push campaign.",
        answer=TaskInfo,
    ),
    _get(  # document, 1409
        name="countWebsites",
        path="/push/websites/total",
        handle=websites.count,
        summary="Count websites.",
        answer=Total,
    ),
    _get(  # document, 1429
        name="listWebsites",
        path="/push/websites",
        handle=websites.list_all,
        summary="List websites.",
        query=ListQuery,
        answer=list[Website],
    ),
    _get(  # newer
        name="getWebsite",
        path="/push/websites/info/{website}",
        handle=websites.info,
        summary="Get what is known of a website.",
        answer=WebsiteInfo,
    ),
    _get(  # newer
        name="getWebsiteCode",
        path="/push/websites/{website}/code",
        handle=websites.code,
        summary="Get what goes on a website's pages.",
        answer=Code,
    ),
    _get(  # document, 1463
        name="listVariables",
        path="/push/websites/{website}/variables",
        handle=websites.variables,
        summary="List the variables of a website's subscribers.",
        answer=list[Variable],
    ),
    _get(  # document, 1491
        name="listSubscriptions",
        path="/push/websites/{website}/subscriptions",
        handle=subscribers.list_all,
        summary="List a website's subscribers.",
        query=SubscriptionsQuery,
        answer=list[Subscription],
    ),
    _get(  # document, 1527
        name="countSubscriptions",
        path="/push/websites/{website}/subscriptions/total",
        handle=subscribers.count,
        summary="Count a website's subscribers.",
        answer=Total,
    ),
    _post(  # document, 1549
        name="changeState",
        path="/push/subscriptions/state",
        handle=subscribers.change_state,
        summary="Switch a subscriber off or on.",
        permission=Permission.SUBSCRIBERS,
        request=StateRequest,
        answer=Done,
    ),
)
"""Every call."""
