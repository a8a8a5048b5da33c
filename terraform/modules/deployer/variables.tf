variable "environment" {
  description = "The environment's name, as its tfvars and its GitHub environments have it."
  type        = string
}

variable "name" {
  description = "What the names of all its resources begin with."
  type        = string
}

variable "zone_id" {
  description = "The Route 53 zone of its domain; null: it has none."
  type        = string
  default     = null
}

variable "vault_role_arn" {
  description = "The role in the vault's account that Terraform takes on; null: the vault is in this account."
  type        = string
  default     = null
}

variable "repository" {
  description = "OWNER/REPOSITORY on GitHub."
  type        = string
}

variable "issuer" {
  description = "Who says which workflow asks: the host of its tokens, and the provider's ARN."
  type = object({
    host         = string
    provider_arn = string
  })
}

variable "states" {
  description = "Where states lie, and what they are encrypted with."
  type = object({
    bucket_arn = string
    key_arn    = string
  })
}
