variable "name" {
  description = "The dashboard's name."
  type        = string
}

variable "region" {
  description = "Where the metrics are."
  type        = string
}

variable "charts" {
  description = "What is shown: `infra/observability/dashboard.json`."
  type = list(object({
    title     = string
    watches   = string
    namespace = optional(string)
    statistic = string
    metrics   = list(string)
  }))
}

variable "things" {
  description = "By what they are: each thing's dimensions, by its name."
  type        = map(map(map(string)))
}

variable "own_namespace" {
  description = "Where the platform's own metrics are, for charts without a namespace."
  type        = string
}

variable "alarm_arns" {
  description = "Alarms whose state stands above the charts."
  type        = list(string)
}
