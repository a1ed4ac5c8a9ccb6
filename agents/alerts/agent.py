"""enriched -> alerts."""

from agents.alerts import Alerts, reach_us
from agents.alerts.rules import read_rules
from agents.normalize.words import Words
from schemas import Alert, Misconfigured, Unavailable
from streams.stage import Records
from streams.view import ViewStage, Wants

app = ViewStage("alerts", writes=Alert)


@app.agent(app.source)
async def alerts(records: Records) -> None:
    """Watch the articles of the lane for what the rules name."""
    words = Words.shipped()
    if app.settings.rules is None:
        app.fail(Misconfigured("alerts need rules; give them to khabar watch, or name their file in the setting rules"))
    try:
        rules = read_rules(app.settings.rules, words)
    except Misconfigured as wrong:  # khabar watch and khabar worker began with rules that could be read
        app.fail(Unavailable(f"{wrong}; mend it, it is read again"))
    await app.each_article(records, lambda: Alerts(rules, words), Wants(reach_us=reach_us(rules), from_now=True))
