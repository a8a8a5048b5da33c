variable "name" {
  description = "The key's alias, without `alias/`."
  type        = string
}

variable "purpose" {
  description = "What the key is for, in one sentence."
  type        = string
}

variable "signs" {
  description = "An Ed25519 key that signs, in place of a symmetric one that encrypts."
  type        = bool
  default     = false
}

variable "statements" {
  description = "Statements of the key's policy beside the account's own, as of an IAM policy document."
  type        = any
  default     = []
}
