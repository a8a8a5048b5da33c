# To try things: everything may be deleted, a new version takes over at once.
name         = "scorpius-dev"
is_protected = false
vault        = { mode = "GOVERNANCE", days = 1 }
log          = { level = "DEBUG", days = 7 }
mail_from    = "scorpius@example.com"
