variable "name" {
  description = "The queue's name."
  type        = string
}

variable "key_arn" {
  description = "What its messages are encrypted with."
  type        = string
}

variable "publishers" {
  description = "Services that may send to it, each with the ARNs that they may send for."
  type        = map(list(string))
  default     = {}
}
