variable "name" {
  description = "What names begin with."
  type        = string
}

variable "functions" {
  description = "Each function, its alias and its newest version."
  type = map(object({
    name    = string
    alias   = string
    version = string
  }))
}

variable "canary" {
  description = "How many percent of the calls a new version gets, for how many minutes."
  type = object({
    percent = number
    minutes = number
  })
}

variable "alarms" {
  description = "Names of alarms that take any new version back."
  type        = list(string)
}

variable "runbooks" {
  description = "Where the page of each alarm is: a folder's address."
  type        = string
}

variable "topic_arn" {
  description = "Who is told."
  type        = string
}

variable "boundary_arn" {
  description = "What the permissions of its role cannot go beyond: a policy's ARN; null: nothing."
  type        = string
  default     = null
}
