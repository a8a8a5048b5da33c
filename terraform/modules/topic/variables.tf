variable "name" {
  description = "The topic's name."
  type        = string
}

variable "key_arn" {
  description = "What its messages are encrypted with."
  type        = string
}

variable "emails" {
  description = "Who is told by e-mail. AWS asks each of them once whether they want it."
  type        = set(string)
}
