variable "name" {
  description = "What every resource's name begins with."
  type        = string
  default     = "scorpius"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,20}$", var.name))
    error_message = "A name is 2 to 21 characters, a-z, 0-9 and -, and begins with a letter."
  }
}

variable "region" {
  description = "Where it runs."
  type        = string
  default     = "eu-west-1"
}

variable "architecture" {
  description = "What the functions' binaries are built for."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "The architecture is arm64 or x86_64."
  }
}

variable "zip_dir" {
  description = "The folder with `<function>.zip` for each function."
  type        = string
}

variable "settings" {
  description = "Further settings of every function."
  type        = map(string)
  default     = {}
}

variable "limits" {
  description = "What is given to those of whom no record says more: the tier of a tenant, and requests a minute of an address whose callers are not known (0 is as many as come)."
  type = object({
    tier           = optional(string, "free")
    address_minute = optional(number, 300)
  })
  default = {}

  validation {
    condition     = contains(["free", "professional", "enterprise", "unlimited"], var.limits.tier)
    error_message = "A tier is free, professional, enterprise or unlimited."
  }

  validation {
    condition     = var.limits.address_minute >= 0 && var.limits.address_minute <= 1000000 && floor(var.limits.address_minute) == var.limits.address_minute
    error_message = "An address may ask 0 to 1000000 times a minute."
  }
}

variable "is_protected" {
  description = "Whether tables refuse to be deleted, and buckets while something is in them."
  type        = bool
}

variable "noncurrent_days" {
  description = "How long a blob that was replaced or deleted is kept."
  type        = number
  default     = 35

  validation {
    condition     = var.noncurrent_days >= 1
    error_message = "A blob that was deleted is kept for a day or more."
  }
}

variable "vault" {
  description = "The ledger's copy: how it is locked, and the region and account where it lies. Without a role that is the platform's own account."
  type = object({
    mode     = string
    days     = number
    region   = optional(string)
    role_arn = optional(string)
  })

  validation {
    condition     = contains(["GOVERNANCE", "COMPLIANCE"], var.vault.mode) && var.vault.days >= 1
    error_message = "A vault is locked in GOVERNANCE or COMPLIANCE, for a day or more."
  }
}

variable "log" {
  description = "The least level that is logged, and for how many days logs are kept."
  type = object({
    level = string
    days  = number
  })
  default = { level = "INFO", days = 365 }

  validation {
    # The sweep tells the outbox's age at INFO, and an alarm waits for it.
    condition     = contains(["TRACE", "DEBUG", "INFO"], var.log.level)
    error_message = "A level is TRACE, DEBUG or INFO."
  }
}

variable "token_keys" {
  description = "Keys of access tokens, by names of your own: the one that signs, and those whose tokens count besides while one takes over from another (README.md, Rotate the key of tokens). A key that is no longer named is deleted after 30 days."
  type = object({
    signs = string
    also  = optional(set(string), [])
  })
  default = { signs = "a" }

  validation {
    condition     = alltrue([for it in setunion([var.token_keys.signs], var.token_keys.also) : can(regex("^[a-z0-9-]{1,20}$", it))])
    error_message = "A key's name is 1 to 20 characters, a-z, 0-9 and -."
  }

  validation {
    condition     = length(var.token_keys.also) <= 2 && !contains(var.token_keys.also, var.token_keys.signs)
    error_message = "At most two keys count beside the one that signs, which is not among them."
  }
}

variable "traced" {
  description = "Whether functions send traces to X-Ray."
  type        = bool
  default     = true
}

variable "topics" {
  description = "SNS topics that tenants' events may be published to, by the tenant's id: its webhooks may name these. The topic's own policy must let `notifier-deliver`'s role publish where it is another account's, and so must the key of a topic that is encrypted."
  type        = map(set(string))
  default     = {}

  validation {
    # Settings of a function have 4 KB in all.
    condition     = length(flatten(values(var.topics))) <= 12
    error_message = "At most 12 topics: settings of a function have no room for more."
  }

  validation {
    condition = alltrue([
      for tenant, arns in var.topics : can(regex("^ten_[0-9a-f]{32}$", tenant)) && alltrue([
        for arn in arns : can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+(\\.fifo)?$", arn))
      ])
    ])
    error_message = "Topics are ARNs without stars, by a tenant's id."
  }
}

variable "boundary_arn" {
  description = "What no role of the platform can go beyond: the policy that `bootstrap` makes for this environment, and that its deploy role insists on. Null: no such limit."
  type        = string
  default     = null
}

variable "reserved_concurrency" {
  description = "For single functions, by name: how many run at once at most, set aside for them. The others share the account's."
  type        = map(number)
  default     = {}
}

variable "maximum_concurrency" {
  description = "For single queues, by name: how many batches are worked on at once; 10 for the others."
  type        = map(number)
  # One batch at a time can move the ledger's head, and 2 is the least that Lambda takes.
  default = { audit = 2 }

  validation {
    condition     = alltrue([for it in values(var.maximum_concurrency) : it >= 2 && it <= 1000])
    error_message = "2 to 1000 batches at once."
  }
}

variable "canary" {
  description = "How a new version takes over: first a part of the calls for some minutes, then all, and back when an alarm sounds. Null: all at once, on apply."
  type = object({
    percent = number
    minutes = number
  })
  default = null

  validation {
    condition     = var.canary == null || try(var.canary.percent >= 1 && var.canary.percent <= 99 && var.canary.minutes >= 1 && var.canary.minutes <= 2880, false)
    error_message = "A canary gets 1 to 99 percent for 1 to 2880 minutes."
  }
}

variable "origins" {
  description = "Origins whose pages may call the API, as browsers send them."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for it in var.origins : can(regex("^https?://[^/*]+$", it))])
    error_message = "An origin is scheme and host, without path and without star."
  }
}

variable "throttle" {
  description = "Requests a second for the whole API, and how many more at a stroke."
  type = object({
    rate  = number
    burst = number
  })
  default = { rate = 1000, burst = 2000 }
}

variable "route_throttles" {
  description = "The same for single routes, by their key."
  type = map(object({
    rate  = number
    burst = number
  }))
  default = {}
}

variable "has_default_endpoint" {
  description = "Whether the API answers at AWS's own address, too."
  type        = bool
  default     = true
}

variable "domain" {
  description = "A name of one's own for the API, and the Route 53 zone that it is in."
  type = object({
    name           = string
    zone_id        = string
    truststore_uri = optional(string)
  })
  default = null
}

variable "issuer" {
  description = "`iss` of access tokens; the API's own address unless it is given."
  type        = string
  default     = null
}

variable "audience" {
  description = "`aud` of access tokens; the platform's name unless it is given."
  type        = string
  default     = null
}

variable "keep_days" {
  description = "How many days entries of the ledger are kept at least, 90 to 36500; null is for ever. See docs/retention.md."
  type        = number
  default     = null

  validation {
    condition     = var.keep_days == null ? true : var.keep_days >= 90 && var.keep_days <= 36500 && floor(var.keep_days) == var.keep_days
    error_message = "Entries are kept for 90 to 36500 whole days."
  }
}

variable "witness_policy" {
  description = "Which witnesses cosign the ledger's checkpoints and how many must, as C2SP's tlog-policy has it; null asks none. The setting is 4 KB at most with all others."
  type        = string
  default     = null

  validation {
    condition     = var.witness_policy == null ? true : length(var.witness_policy) <= 3000 && can(regex("(?m)^witness[[:space:]]+[^[:space:]]+[[:space:]]+[^[:space:]]+[[:space:]]+https://", var.witness_policy)) && can(regex("(?m)^quorum[[:space:]]", var.witness_policy))
    error_message = "A policy names a witness with its key and a URL of https, and a quorum, in 3,000 characters."
  }
}

variable "log_origin" {
  description = "The ledger's name in its checkpoints, which never changes. Made of name, region and account unless it is given."
  type        = string
  default     = null
}

variable "emails" {
  description = "Who is told of alarms and of the budget."
  type        = set(string)
  default     = []
}

variable "mail_from" {
  description = "The address that letters to users come from. SES must have verified it or its domain, and be out of its sandbox."
  type        = string

  validation {
    condition     = can(regex("^[^@[:space:]]+@[^@[:space:]]+\\.[^@[:space:]]+$", var.mail_from))
    error_message = "Letters come from an address: name@host.domain."
  }
}

variable "feeds" {
  description = "Feeds of threats and sanctions that intel-sync reads, see docs/intelligence.md. The setting is 4 KB at most with all others."
  type = list(object({
    name               = string
    kind               = string
    format             = string
    url                = string
    source             = optional(string)
    rows_min           = optional(number)
    shrink_percent_max = optional(number)
    bytes_max          = optional(number)
  }))
  default = []

  validation {
    condition     = length(distinct(var.feeds[*].name)) == length(var.feeds) && length(var.feeds) <= 16
    error_message = "At most 16 feeds, each with a name of its own."
  }
  validation {
    condition     = alltrue([for feed in var.feeds : contains(["sanctions", "threats", "registry"], feed.kind)])
    error_message = "A feed's kind is sanctions, threats or registry."
  }
  validation {
    condition     = alltrue([for feed in var.feeds : startswith(feed.url, "https://")])
    error_message = "A feed comes over https."
  }
}

variable "runbooks" {
  description = "Where the runbooks are: a folder's address, which alarms name."
  type        = string
  default     = "https://github.com/scorpius-security/scorpius/blob/main/docs/runbooks"
}

variable "budget" {
  description = "US dollars a month; who is told of alarms is told at 80 % of it, and when it will not be enough. Null: no budget."
  type        = number
  default     = null
}

variable "backup" {
  description = "For how many days daily backups of the records are kept, and, optionally, another region with a copy. Null: none beside point-in-time recovery."
  type = object({
    days = number
    copy = optional(object({
      region = string
      days   = number
    }))
  })
  default = null
}

variable "chains" {
  description = "Nodes of EVM chains by EIP-155 number, the preferred one first. What their URLs hold is readable for whoever reads the function's settings or the state."
  type        = map(list(string))
  default     = {}

  validation {
    # Settings of a function have 4 KB in all.
    condition     = length(flatten(values(var.chains))) <= 12
    error_message = "At most 12 nodes: settings of a function have no room for more."
  }

  validation {
    condition = alltrue(flatten([
      for chain, urls in var.chains : [
        can(regex("^[1-9][0-9]{0,15}$", chain)),
        length(urls) > 0 && length(urls) <= 16,
        [for url in urls : can(regex("^https://[^[:space:]]+$", url))],
      ]
    ]))
    error_message = "Chains are numbers, each with 1 to 16 https URLs."
  }
}
