# For users. Before the first apply: the vault's account and role (see README.md), and whom alarms tell.
name         = "scorpius-prod"
is_protected = true

# COMPLIANCE: for ten years nobody deletes a copy, the account's root included. Try everything else first.
vault = { mode = "COMPLIANCE", days = 3653, region = "eu-central-1" }

log       = { level = "INFO", days = 365 }
canary    = { percent = 5, minutes = 10 }
throttle  = { rate = 1000, burst = 2000 }
budget    = 500
backup    = { days = 35, copy = { region = "eu-central-1", days = 35 } }
mail_from = "scorpius@example.com"
