variable "name" {
  description = "What the names of the bucket, the key and the trail begin with."
  type        = string
  default     = "scorpius-deploy"
}

variable "region" {
  description = "Where states are kept."
  type        = string
  default     = "eu-west-1"
}

variable "repository" {
  description = "OWNER/REPOSITORY on GitHub whose workflows plan and deploy."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.repository))
    error_message = "A repository is OWNER/NAME, without stars."
  }
}

variable "environments" {
  description = "Environments of this account by the names of their tfvars; `name` is what they call their platform, `zone_id` and `vault_role_arn` are as their `domain` and `vault` have them."
  type = map(object({
    name           = string
    zone_id        = optional(string)
    vault_role_arn = optional(string)
  }))
  default = {
    dev = { name = "scorpius-dev" }
  }

  validation {
    condition     = alltrue([for name, it in var.environments : can(regex("^[a-z][a-z0-9-]{1,20}$", it.name)) && can(regex("^[a-z]+$", name))])
    error_message = "An environment is a-z, and its platform's name as `name` of the root module allows."
  }

  validation {
    # Names are what the roles are held to: none may begin as another one does, or as the states' bucket.
    condition = alltrue(flatten([
      for key, it in var.environments : [
        for other in concat([var.name], [for name, other in var.environments : other.name if name != key]) :
        !startswith("${other}-", "${it.name}-")
      ]
    ]))
    error_message = "No platform's name may be the beginning of another's, or of `name`."
  }
}

variable "has_provider" {
  description = "Whether the account has GitHub's OpenID provider already: it can have it once."
  type        = bool
  default     = false
}

variable "is_watched" {
  description = "Whether a trail of who did what in the account (CloudTrail) and GuardDuty are switched on here. No where the organisation does so for all its accounts."
  type        = bool
  default     = false
}
