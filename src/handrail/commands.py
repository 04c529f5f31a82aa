"""Every command of the rooms, and the first sentence of its help. The composition root offers them.

A command is loaded when it runs, and no other is; `handrail --help` shows these sentences and loads none.
"""

# By module with a list `commands`. tests/house/test_commands.py holds this against what is there.
COMMANDS: dict[str, dict[str, str]] = {
    "handrail.data.steward_commands": {
        "import": "Bring data in: a SQLite or DuckDB file, a CSV or Parquet file or folder, or a"
        " postgresql:// address.",
        "propose": "Complete a contract and ask for its certification.",
        "certify": "Certify a contract that another steward proposed.",
        "renew": "Ask that an unchanged contract be certified for another year.",
        "see-as": "What a person would see of a dataset: the rule, the rows by number, and the masks.",
        "revoke": "End a certification now.",
        "quality": "Hold a dataset against everything that its contract promises.",
        "changes": "What changed in a contract since it was certified, and whose metrics and apps that"
        " can break.",
        "reconcile": "Recompute a metric over everybody's rows and compare it with its control totals.",
        "certify-metric": "Certify a metric that another steward reconciled, and that ties.",
    },
    "handrail.data.catalog_commands": {
        "datasets": "List every dataset with its state, owner and rows; or one, with its contract in words.",
    },
    "handrail.data.quality_commands": {
        "catalog": "Find datasets by words and facets, a page at a time.",
        "rules": "The quality rules of a dataset: list, try, add and remove them.",
        "notices": "What you have to know of data that you answer for, or that your apps use.",
        "purposes": "What data may be used for, and which datasets and apps use it for that.",
        "policies": "The access rules in force with their reasons, and the version that every decision"
        " names.",
    },
    "handrail.data.commands": {
        "query": "Ask in SQL, and get what you may see.",
        "metric": "Ask for a metric, by dimensions and in steps of time.",
        "metrics": "Every metric, or one explained: its sentence, SQL, owner, version, since when, and"
        " what it ties to.",
    },
    "handrail.data.disclosure_commands": {
        "budgets": "How many entities you have seen today, of how many you may.",
        "reads": "Which columns APP really read, by version and environment; for reviewers, stewards"
        " and compliance.",
    },
    "handrail.data.model_commands": {
        "export-model": "A semantic model as an Apache Ossie file, on stdout.",
        "import-model": "Take an Apache Ossie file in; its metrics are drafts until they tie and are"
        " certified.",
    },
    "handrail.data.lineage_commands": {
        "lineage": "What a dataset, metric or app comes from and leads to.",
    },
    "handrail.connectors.commands": {
        "connectors": "Other systems that apps may call.",
    },
    "handrail.twins.commands": {
        "twin": "Synthetic twins of certified datasets.",
    },
    "handrail.apps.commands": {
        "new": "Write the beginning of an app into DIRECTORY: a manifest and code that runs at once.",
        "push": "Keep the app in DIRECTORY as a new version, with the why and the prompts.",
        "run": "Run APP (its name, or its folder) as it was last pushed, and wait for its end.",
        "gates": "Show what stands between APP and production, and who can open it.",
        "promote": "Put APP into production, through every gate; asks for the review when only that is"
        " missing.",
        "rollback": "Put the version that APP had in production before back there, by the same gates.",
        "share": "Let more people open APP; says what that costs.",
        "hand-over": "Make PERSON the owner of APP; for its owners, and for admins when the owner has left.",
        "apps": "List the apps that concern you.",
    },
    "handrail.apps.causes_commands": {
        "explain-run": "Say which awkward rows of its twins a failed sandbox run failed on, by trying it"
        " with fewer of them.",
    },
    "handrail.apps.schedule_commands": {
        "schedule": "How an app runs by itself: its moments, pause, resume, run now.",
        "subscribe": "Get what APP finds by its schedule, each time, with the rows that you may see.",
        "unsubscribe": "Get what APP finds no longer.",
    },
    "handrail.review.commands": {
        "review": "Check the app in DIRECTORY as a push would; exit 1 when something blocks it.",
        "reviews": "What waits for a reviewer's decision.",
        "approve": "Say yes to one version of APP, as a reviewer who has no hand in it.",
        "refuse": "Say no to one version of APP.",
        "withdraw": "Take back your verdict on one version of APP.",
    },
    "handrail.runtime.layer_commands": {
        "layers": "The Python packages that apps may use.",
    },
    "handrail.runtime.hosts_commands": {
        "hosts": "The hosts that are a part of this instance: invite one, join as one, and end what one may.",
    },
    "handrail.runtime.workers_commands": {
        "workers": "Which hosts do runs, what each does, and whether it can.",
    },
    "handrail.runtime.commands": {
        "runs": "Runs of apps: list them, read their logs, save what they handed over, stop them.",
        "doctor": "Attack a sandbox on this machine from inside; exit status 1 when one attack succeeds.",
    },
    "handrail.openlineage.commands": {
        "openlineage": "Lineage events on their way to others.",
    },
}
