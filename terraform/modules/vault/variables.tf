variable "name" {
  description = "The vault's bucket, unique in the world."
  type        = string
}

variable "source_bucket" {
  description = "The bucket that the ledger is written to, its versions kept."
  type = object({
    name    = string
    arn     = string
    key_arn = string
  })
}

variable "prefixes" {
  description = "What is copied: names of objects begin so."
  type        = list(string)
}

variable "lock" {
  description = "For how long no copy can be deleted: in GOVERNANCE unless IAM lets, in COMPLIANCE by nobody."
  type = object({
    mode = string
    days = number
  })
}

variable "may_be_destroyed" {
  description = "Whether the vault is deleted with what is in it; a copy under COMPLIANCE never is."
  type        = bool
}

variable "boundary_arn" {
  description = "What the permissions of its role cannot go beyond: a policy's ARN; null: nothing."
  type        = string
  default     = null
}
