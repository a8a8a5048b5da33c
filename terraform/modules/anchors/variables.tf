variable "name" {
  description = "The key's alias, without `alias/`."
  type        = string
}

variable "bucket" {
  description = "The bucket's name, unique in the world."
  type        = string
}

variable "role_arn" {
  description = "The role of the function that puts anchors."
  type        = string
}

variable "region" {
  description = "Where the bucket is."
  type        = string
}

variable "lock" {
  description = "For how long no anchor can be deleted: in GOVERNANCE unless IAM lets, in COMPLIANCE by nobody."
  type = object({
    mode = string
    days = number
  })
}

variable "may_be_destroyed" {
  description = "Whether the bucket is deleted with what is in it; an anchor under COMPLIANCE never is."
  type        = bool
}
