variable "name" {
  description = "The function's name."
  type        = string
}

variable "purpose" {
  description = "What it does, in one sentence."
  type        = string
}

variable "zip" {
  description = "The file with its program, as `bootstrap`."
  type        = string
}

variable "architecture" {
  description = "What the program is built for."
  type        = string
}

variable "memory_mb" {
  description = "Its memory, and with it its share of a processor."
  type        = number
}

variable "timeout_s" {
  description = "How long one invocation may take."
  type        = number
}

variable "settings" {
  description = "Its environment. Names of things, never a secret."
  type        = map(string)
}

variable "statements" {
  description = "What its role allows, as statements of an IAM policy."
  type        = any
}

variable "reserved_concurrency" {
  description = "How many of it run at once at most, set aside for it; null shares the account's."
  type        = number
  default     = null
}

variable "log" {
  description = "The least level that is logged, and for how many days logs are kept."
  type = object({
    level = string
    days  = number
  })
}

variable "key_arn" {
  description = "What its logs are encrypted with."
  type        = string
}

variable "traced" {
  description = "Whether it sends traces to X-Ray."
  type        = bool
}

variable "shifts" {
  description = "Whether CodeDeploy moves the alias to a new version; otherwise apply does, at once."
  type        = bool
}

variable "failures_arn" {
  description = "For a function that is started without anybody waiting: where what failed for good goes. Null for the others."
  type        = string
  default     = null
}

variable "keeps_failures" {
  description = "Whether `failures_arn` is given, which is known before it is."
  type        = bool
  default     = false
}

variable "boundary_arn" {
  description = "What the permissions of its role cannot go beyond: a policy's ARN; null: nothing."
  type        = string
  default     = null
}
