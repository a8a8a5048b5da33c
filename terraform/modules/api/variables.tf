variable "name" {
  description = "The API's name."
  type        = string
}

variable "functions" {
  description = "Each function that answers requests, and what it is called by."
  type = map(object({
    name       = string
    alias      = string
    invoke_arn = string
  }))
}

variable "routes" {
  description = "Each route, the function behind it and the action that it needs."
  type = map(object({
    function = string
    action   = string
  }))
}

variable "authorizer" {
  description = "The function that says who asks."
  type = object({
    name       = string
    alias      = string
    invoke_arn = string
  })
}

variable "origins" {
  description = "Origins whose pages may call the API, as browsers send them."
  type        = list(string)
}

variable "throttle" {
  description = "Requests a second, and how many more at a stroke."
  type = object({
    rate  = number
    burst = number
  })
}

variable "route_throttles" {
  description = "The same for single routes, by their key."
  type = map(object({
    rate  = number
    burst = number
  }))
}

variable "has_default_endpoint" {
  description = "Whether it answers at AWS's own address, too."
  type        = bool
}

variable "log_days" {
  description = "For how many days access logs are kept."
  type        = number
}

variable "key_arn" {
  description = "What access logs are encrypted with."
  type        = string
}
