"""Models of Odoo as a CRM: messages, activities, leads, and the external ids by which records are found again."""

from connectors.odoo.simulated.schema import Model, boolean, char, choice, date, html, integer, model, moment, one, text

MESSAGE = model(
    "mail.message", "Message",
    {
        "model": char("Related Document Model"), "res_id": integer("Related Document ID"), "subject": char("Subject"),
        "body": html("Contents"), "date": moment("Date"), "author_id": one("res.partner", "Author"),
        "message_type": choice("Type", "email", "comment", "notification", "auto_comment", default="comment"),
        "subtype_id": char("Subtype"),
    },
    module="crm", order="id desc",
)  # fmt: skip
ACTIVITY = model(
    "mail.activity", "Activity",
    {
        "res_model": char("Related Document Model"), "res_id": integer("Related Document ID"), "res_name": char("Document Name"),
        "summary": char("Summary"), "note": html("Note"), "date_deadline": date("Due Date"), "date_done": date("Done Date"),
        "active": boolean("Active", default=True), "user_id": one("res.users", "Assigned to"),
        "automated": boolean("Automated activity"), "activity_type_id": one("mail.activity.type", "Activity Type"), "feedback": text("Feedback"),
    },
    module="crm", order="date_deadline,id",
)  # fmt: skip
ACTIVITY_TYPE = model("mail.activity.type", "Activity Type", {"name": char("Name")}, module="crm")
LEAD = model(
    "crm.lead", "Lead",
    {
        "name": char("Opportunity"), "partner_id": one("res.partner", "Customer"), "active": boolean("Active", default=True),
        "type": choice("Type", "lead", "opportunity", default="lead"), "contact_name": char("Contact Name"),
        "email_from": char("Email"), "phone": char("Phone"), "description": html("Notes"),
        "user_id": one("res.users", "Salesperson"),
    },
    module="crm", readable=False, groups=("Sales/Administrator", "Sales/User: Own Documents Only"),
)  # fmt: skip
DATA = model(
    "ir.model.data", "Model Data",
    {"name": char("External Identifier"), "model": char("Model Name"), "res_id": integer("Record ID")},
    readable=False, indexed=("name",),
)  # fmt: skip
MODELS: tuple[Model, ...] = (MESSAGE, ACTIVITY, ACTIVITY_TYPE, LEAD, DATA)
