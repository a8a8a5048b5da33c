# As production, smaller: the ledger's copy may still be deleted by whoever IAM lets, and money is watched closer.
name         = "scorpius-staging"
is_protected = true
vault        = { mode = "GOVERNANCE", days = 7 }
log          = { level = "DEBUG", days = 30 }
canary       = { percent = 10, minutes = 5 }
throttle     = { rate = 200, burst = 400 }
budget       = 100
backup       = { days = 7 }
mail_from    = "scorpius@example.com"
