"""What the appraisal service says (topic ``appraisal.events``). So far nothing."""

TOPIC = "appraisal.events"
SOURCE = "appraisal"
